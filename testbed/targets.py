"""Targets: containers that behave like a small VPS (systemd, sshd, 1 CPU, 1 GB)."""

from collections.abc import Mapping, Sequence
from typing import Any

from docker.errors import NotFound  # type: ignore[import-untyped]

from testbed import engine
from testbed.container import BOOT, LABEL, CommandFailed, Target, as_target, boot, remove
from testbed.images import base_image
from testbed.progress import SetupError, only_one

__all__ = ["CommandFailed", "Target", "base_image", "client", "down", "find", "network", "start"]


def client() -> Any:
    """Return a client of the Docker engine (of the `docker` package), made sure of first."""
    return engine.ensure()


def container_named(name: str) -> Any | None:
    """Return our container of exactly that name, in whatever state."""
    try:
        container = client().containers.get(name)
    except NotFound:
        return None
    if LABEL not in container.labels:
        raise SetupError(f"A container {name} that is not ours is in the way: rename or remove it.")
    return container


def find(name: str) -> Target | None:
    """Return the running target of that name, if there is one."""
    container = container_named(name)
    return as_target(container) if container and container.status == "running" else None


def start(
    name: str,
    release: int,
    *,
    hostname: str,
    ports: Mapping[int, int | None] | None = None,
    network: str | None = None,
    dns: Sequence[str] = (),
    authorized_key: str | None = None,
    labels: Mapping[str, str] | None = None,
    image: str | None = None,
) -> Target:
    """
    Start a fresh, bare target and wait until it has booted.

    + ports: container port -> port on 127.0.0.1, None for any free one
    + dns: the DNS servers it asks, directly
    + authorized_key: public key that may log in as root, and as `admin`, who may sudo
    + image: another image than the release's base image

    What an interrupted run left under the same name is replaced.
    """
    image = image or base_image(release)
    if left := container_named(name):
        remove(left)
    published = {f"{port}/tcp": ("127.0.0.1", outside) for port, outside in (ports or {}).items()}
    container = client().containers.create(
        image,
        ["sh", "-c", BOOT],
        name=name,
        hostname=hostname,
        labels={LABEL: "acceptance", f"{LABEL}.release": str(release), **(labels or {})},
        nano_cpus=1_000_000_000,
        mem_limit="1g",
        # What root has on a VPS, for: systemd; nftables, in the container's own network;
        # needrestart, which looks at the files of all processes.
        cap_add=["SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE"],
        security_opt=["seccomp=unconfined", "apparmor=unconfined"],
        cgroupns="private",
        tmpfs={"/run": "", "/run/lock": "", "/tmp": ""},
        ports=published,
        network=network,
        dns=list(dns) or None,
    )
    return boot(container, dns=dns, authorized_key=authorized_key)


def network(name: str) -> str:
    """Make our Docker network of that name where it is missing."""
    networks = client().networks
    with only_one("network"):
        if not networks.list(names=[f"^{name}$"]):
            networks.create(name, labels={LABEL: "acceptance"})
    return name


def remove_network(name: str) -> None:
    """Remove our Docker network of that name, which nothing is in any more."""
    for each in client().networks.list(names=[f"^{name}$"], filters={"label": LABEL}):
        each.remove()


def ours(*owners: str) -> list[Any]:
    """Return our containers, in whatever state: of the `demo`, of `acceptance`, or all."""
    found = client().containers.list(all=True, filters={"label": LABEL})
    return [container for container in found if container.labels[LABEL] in owners or not owners]


def down() -> list[str]:
    """Remove all our containers by id, then our networks; return their names."""
    gone = ours()
    for container in gone:
        remove(container)
    networks = client().networks.list(filters={"label": LABEL})
    for each in networks:
        each.remove()
    return [thing.name for thing in (*gone, *networks)]
