"""Start targets beside a peer, and write their inventories."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from testbed import targets
from testbed.inventory import (
    BUILD,
    HOSTNAME,
    inventory_data,
    inventory_name,
    over_ssh,
    write_inventory,
)
from testbed.peer import Peer
from testbed.progress import only_one

PORTS = (22, 25, 110, 143, 465, 587, 993, 995)


def ssh_key() -> Path:
    """Return the suite's SSH key, made once; the public key is beside it, in `.pub`."""
    BUILD.mkdir(parents=True, exist_ok=True)
    path = BUILD / "id_ed25519"
    with only_one("acceptance-key"):
        if not path.exists():
            key = Ed25519PrivateKey.generate()
            pem = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
            public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
            path.with_suffix(".pub").write_bytes(public)
            path.touch(mode=0o600)
            path.write_bytes(pem)
    return path


def start_target(
    name: str, release: int, world: Peer, key: Path | None = None, image: str | None = None
) -> targets.Target:
    """
    Start a target in its peer's network.

    + key: may log in over SSH
    + image: without one, a bare Debian
    """
    return targets.start(
        name,
        release,
        ports=dict.fromkeys(PORTS),
        network=world.network_name,
        hostname=HOSTNAME,
        dns=[world.address],
        authorized_key=key.with_suffix(".pub").read_text() if key else None,
        image=image,
    )


def inventory_file(target: targets.Target, key: Path | None = None) -> Path:
    """Write a target's inventory file: to be reached over SSH with a key, else over Docker."""
    data = inventory_data(target) | (over_ssh(target, key) if key else {})
    name = inventory_name(target, by_docker=key is None)
    return write_inventory(BUILD / f"{target.name}.py", {name: data})
