"""The inventory of targets that the suite and the benches deploy, and files of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from settings.models import Limits
from tasks.password import sha512_crypt
from testbed.container import Target

ROOT = Path(__file__).resolve().parent.parent
#: Inventory files, keys and reports of tests and benches.
BUILD = ROOT / "build" / "acceptance"

HOSTNAME = "mail.example.test"
DOMAINS = ("example.test", "second.test")
#: Every user's password, for targets on this machine only. "ü" and ":" are what breaks parsers.
PASSWORDS = {
    "alice@example.test": "alice-pässwörd",
    "bob@example.test": "bob: pass:word",
    "carol@second.test": "carol-password",
}
HASHES = {user: sha512_crypt(password) for user, password in PASSWORDS.items()}

# The gateways of all networks that Docker makes by itself. A target that moves to another of these
# networks has nothing to change.
GATEWAYS = [f"172.{number}.0.1/32" for number in range(17, 32)]
GATEWAYS += [f"192.168.{number}.1/32" for number in range(0, 256, 16)]


def inventory_data(target: Target) -> dict[str, object]:
    """Return the settings of a target: what most hosts would have, and a little more."""
    return {
        "mail_hostname": HOSTNAME,
        "mail_domains": list(DOMAINS),
        "mail_ipv4": target.address,
        "mail_client_names": ["imap", "smtp"],
        "mail_null_domains": ["null.test"],
        "mail_caa_issuers": ["letsencrypt.org"],
        "mail_name_servers": ["ns.world.test"],
        # All clients on 127.0.0.1 have the address of Docker's gateway; the peer is a stranger.
        "mail_trusted_networks": sorted({*GATEWAYS, f"{target.gateway}/32"}),
        # Short, so that test_abuse.py sees an end of it.
        "mail_ban": {"failures": 5, "seconds": 10},
        "mail_users": {user: {"password_hash": digest} for user, digest in HASHES.items()},
        "mail_updates": "off",  # nothing is to happen by itself; test_updates.py switches it on
        "mail_aliases": {
            "root": ["alice"],
            "sales": ["alice", "bob"],
            "team@second.test": ["carol@second.test", "sales"],
            "outside": ["friend@world.test"],
        },
        # The suite sends more than a person; test_limits.py has limits of its own.
        "mail_limits": dict.fromkeys(Limits.model_fields, 100000),
    }


def inventory_name(target: Target, by_docker: bool) -> str:
    """Return the name of a target in an inventory, which decides between Docker and SSH."""
    return f"@docker/{target.name}" if by_docker else target.name


def over_ssh(target: Target, key: Path) -> dict[str, object]:
    """
    Return the inventory data of a target that is reached over SSH with a key: Debian 13 as a user
    who may sudo, Debian 12 as root, as most new VPS are.
    """
    user = {"ssh_user": "root"} if target.release == 12 else {"ssh_user": "admin", "_sudo": True}
    return user | {
        "ssh_hostname": "127.0.0.1",
        "ssh_port": target.ports[22],
        "ssh_key": str(key),
        "ssh_strict_host_key_checking": "no",
        "ssh_known_hosts_file": "/dev/null",
    }


def write_inventory(path: Path, hosts: Mapping[str, Mapping[str, object]]) -> Path:
    """Write an inventory file with one group, `mail`: host name -> data. Return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"mail = {[(name, dict(data)) for name, data in hosts.items()]!r}\n")
    return path
