"""
An image of each release on which this tree was deployed, for targets whose first deploy nobody
looks at: a test's own run finds little to do. Another tree makes it anew.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from acceptance import prepared
from acceptance.mailhost import DOMAINS, HOSTNAME, PASSWORDS, ROOT, inventory_name
from settings.limits import Limits
from tasks.password import sha512_crypt
from testbed import engine, targets
from testbed.container import BOOT_TIMEOUT
from testbed.images import DEPLOYED, RECIPE_LABEL, present
from testbed.progress import only_one, run

# What a deploy is made of, and the inventory.
SOURCES = (
    *("deploy.py", "layout.py", "preflight.py", "settings/**/*", "wanted/**/*", "services/**/*"),
    *("facts/**/*", "operations/**/*", "remote/**/*", "templates/**/*", "acceptance/deployed.py"),
)
# A machine is known by its id, and its journal by that.
FORGET = "rm -rf /var/log/journal/*; : > /etc/machine-id; systemctl poweroff"

# Those of all networks that Docker makes by itself: a target in another one has nothing to change.
GATEWAYS = [f"172.{number}.0.1/32" for number in range(17, 32)]
GATEWAYS += [f"192.168.{number}.1/32" for number in range(0, 256, 16)]
HASHES = {user: sha512_crypt(password) for user, password in PASSWORDS.items()}


def inventory_data(target: targets.Target) -> dict[str, object]:
    """The inventory of the acceptance targets: what most hosts would have, and a little more."""
    return {
        "mail_hostname": HOSTNAME,
        "mail_domains": list(DOMAINS),
        "mail_ipv4": target.address,
        "mail_client_names": ["imap", "smtp"],
        "mail_null_domains": ["null.test"],
        "mail_caa_issuers": ["letsencrypt.org"],
        "mail_name_servers": ["ns.world.test"],
        # Docker's gateway, whose address all clients on 127.0.0.1 have; the peer is a stranger.
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


def image(release: int) -> str:
    """Return the tag of a release's image, made where it is missing or outdated."""
    base, client, tag = prepared.image(release), engine.ensure(), f"{DEPLOYED}{release}"
    digest = _digest(client.images.get(base).id)
    with only_one(f"deployed-{release}"):
        found = present(client, tag)
        if found is None or found.labels.get(RECIPE_LABEL) != digest:
            name = f"mailhost-deployed-{release}"
            target = targets.start(name, release, hostname=HOSTNAME, image=base)
            try:
                _deploy(target)
                container = client.containers.get(target.id)
                target.exec("sh", "-c", FORGET, check=False)
                container.wait(timeout=BOOT_TIMEOUT)
                container.commit(*tag.split(":"), changes=f"LABEL {RECIPE_LABEL}={digest}")
            finally:
                target.remove()
    return tag


def _digest(base: str) -> str:
    digest = hashlib.sha256(base.encode())
    for path in sorted(path for pattern in SOURCES for path in ROOT.glob(pattern)):
        if path.is_file() and path.suffix != ".pyc":
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _deploy(target: targets.Target) -> None:
    with TemporaryDirectory() as folder:
        inventory = Path(folder) / "inventory.py"
        host = (inventory_name(target, by_docker=True), inventory_data(target))
        inventory.write_text(f"mail = [{host!r}]\n")
        pyinfra = str(Path(sys.executable).with_name("pyinfra"))
        what = f"Image of Debian {target.release} with a deployed host"
        run(what, [pyinfra, str(inventory), str(ROOT / "deploy.py"), "-y"])
