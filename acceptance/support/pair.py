"""
Two mail hosts of this package that know each other by DNS only: alpha.example on Debian 13, and
beta.example on Debian 12, which obeys the policies of others (`mail_dmarc_inbound` enforce). Both
have a certificate of the same authority, settings for mail programs, and MTA-STS in enforce.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acceptance.support import prepared
from acceptance.support.issuing import Authority
from acceptance.support.mailhost import MailHost
from tasks.password import sha512_crypt
from testbed import peer, targets
from testbed.inventory import BUILD, over_ssh, write_inventory

PASSWORD = "pair-password"
RELEASES = {"alpha.example": 13, "beta.example": 12}
USERS = {"alpha.example": ("ann", "amy"), "beta.example": ("ben", "bea")}
ALIASES = {
    "alpha.example": {"root": ["ann"], "loop": ["loop@beta.example"]},
    "beta.example": {
        "root": ["ben"],
        "loop": ["loop@alpha.example"],
        "forward": ["amy@alpha.example"],
        "copy": ["bea", "amy@alpha.example"],
        "lost": ["refused@world.test"],
    },
}


@dataclass(frozen=True)
class Pair:
    """The two hosts, the rest of the world, and one inventory for both."""

    alpha: MailHost
    beta: MailHost
    world: peer.Peer
    inventory: Path
    zones: dict[str, str]  # as the package wrote them, by origin
    authority: Authority

    @property
    def hosts(self) -> tuple[MailHost, MailHost]:
        """Both hosts."""
        return self.alpha, self.beta


def host_data(domain: str, address: str, world: str, authority: Authority) -> dict[str, object]:
    """Return the inventory data of one of the two."""
    labels = ("mail", "autoconfig", "autodiscover", "mta-sts")
    issued = authority.issue([f"{label}.{domain}" for label in labels])
    return {
        "mail_tls": {"mode": "files", "cert": str(issued.chain), "key": str(issued.key)},
        "mail_web": True,
        "mail_mta_sts": "enforce",
        "mail_hostname": f"mail.{domain}",
        "mail_domains": [domain],
        "mail_ipv4": address,
        "mail_users": {user: {"password_hash": sha512_crypt(PASSWORD)} for user in USERS[domain]},
        "mail_aliases": ALIASES[domain],
        "mail_dmarc_policy": "reject",
        "mail_dmarc_inbound": {"alpha.example": "mark", "beta.example": "enforce"}[domain],
        "mail_name_servers": ["ns.world.test"],
        "mail_check_resolver": world,
        "mail_check_outbound": f"{world}:25",
        "mail_blocklists": ["bl.test"],
        "mail_updates": "off",
    }


def load_zones(world: peer.Peer, *hosts: MailHost) -> dict[str, str]:
    """Serve the zones that the package writes for the hosts; they share the reverse one."""
    zones: dict[str, str] = {}
    for host in hosts:
        for origin, text in host.dns()[1].items():
            pointers = "".join(line for line in text.splitlines(True) if " PTR " in line)
            zones[origin] = zones[origin] + pointers if origin in zones else text
    for origin, text in zones.items():
        world.load_zone(origin, text)
    return zones


@contextmanager
def two_hosts(prefix: str, ssh_key: Path) -> Iterator[Pair]:
    """Start both, deploy them in one run of the CLI, and publish what the package says."""
    world = peer.start_peer(prefix)
    started: list[targets.Target] = []
    try:
        world.load_zone("bl.test", "")

        def start(domain: str) -> targets.Target:
            target = targets.start(
                f"{prefix}-{domain.partition('.')[0]}",
                RELEASES[domain],
                ports=dict.fromkeys((22, 25, 465, 587, 993)),
                network=prefix,
                hostname=f"mail.{domain}",
                dns=[world.address],
                authorized_key=ssh_key.with_suffix(".pub").read_text(),
                image=prepared.image(RELEASES[domain]),
            )
            started.append(target)
            return target

        with ThreadPoolExecutor() as pool:
            by_domain = dict(zip(RELEASES, pool.map(start, RELEASES), strict=True))
        with tempfile.TemporaryDirectory(prefix=f"{prefix}-") as folder:
            yield _deployed(prefix, by_domain, world, ssh_key, Authority(Path(folder)))
    finally:
        for target in started:
            target.remove()
        world.remove()
        targets.remove_network(prefix)


def _deployed(
    prefix: str,
    by_domain: dict[str, targets.Target],
    world: peer.Peer,
    ssh_key: Path,
    authority: Authority,
) -> Pair:
    entries: dict[str, Any] = {
        domain: (
            target.name,
            host_data(domain, target.address, world.address, authority) | over_ssh(target, ssh_key),
        )
        for domain, target in by_domain.items()
    }

    def written(name: str, *domains: str) -> Path:
        hosts = dict(entries[domain] for domain in domains)
        return write_inventory(BUILD / f"{prefix}-{name}.py", hosts)

    hosts = {
        domain: MailHost(
            target.release,
            target,
            world,
            written(domain, domain),
            hostname=f"mail.{domain}",
            domains=(domain,),
            passwords={f"{user}@{domain}": PASSWORD for user in USERS[domain]},
        )
        for domain, target in by_domain.items()
    }
    alpha, beta = hosts.values()
    both = written("both", *RELEASES)
    run = MailHost(0, alpha.target, world, both).deploy()
    assert run.code == 0, run.output
    return Pair(alpha, beta, world, both, load_zones(world, alpha, beta), authority)
