"""
Targets: containers that behave like a small VPS (systemd, sshd, 1 CPU, 1 GB), on 127.0.0.1 only.

`python -m acceptance.targets up 13` starts the demo's; `down` removes all of ours; `list`;
`images 12 13` builds what is missing; `screen 13` says how to use the demo.
"""

import argparse
import os
import runpy
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import docker  # type: ignore[import-untyped]
from docker.errors import NotFound  # type: ignore[import-untyped]

from acceptance import engine
from acceptance.container import BOOT, LABEL, CommandFailed, Target, as_target, boot, remove
from acceptance.images import base_image, base_images
from acceptance.progress import SetupError, only_one, step

__all__ = ["CommandFailed", "Target", "base_image", "client", "down", "find", "network", "start"]

INVENTORY = Path(__file__).parent.parent / "inventories" / "docker.py"


def client() -> Any:
    """Return a client of the Docker engine (the `docker` package's), which is made sure of first."""
    return engine.ensure()


def find(name: str) -> Target | None:
    """Return the running target of that name, if there is one."""
    container = container_named(name)
    return as_target(container) if container and container.status == "running" else None


def container_named(name: str) -> Any | None:
    """Return our container of exactly that name, in whatever state."""
    try:
        container = client().containers.get(name)
    except NotFound:
        return None
    if LABEL not in container.labels:
        raise SetupError(f"A container {name} that is not ours is in the way: rename or remove it.")
    return container


def start(
    name: str,
    release: int,
    *,
    hostname: str,
    ports: Mapping[int, int | None] | None = None,
    network: str | None = None,
    ip: str | None = None,
    dns: Sequence[str] = (),
    authorized_key: str | None = None,
    labels: Mapping[str, str] | None = None,
    image: str | None = None,
) -> Target:
    """
    Start a fresh, bare target and wait until it has booted.

    + ports: container port -> port on 127.0.0.1, None for any free one
    + ip: a fixed address in `network`
    + dns: the DNS servers it asks, directly
    + authorized_key: public key that may log in as `admin`, who may sudo
    + image: another image than the release's base image

    What an interrupted run left under the same name is replaced.
    """
    docker_client = client()
    image = image or base_image(release)
    if left := container_named(name):
        remove(left)
    endpoint = docker_client.api.create_endpoint_config(ipv4_address=ip) if network and ip else None
    container = docker_client.containers.create(
        image,
        ["sh", "-c", BOOT],
        name=name,
        hostname=hostname,
        labels={LABEL: "acceptance", f"{LABEL}.release": str(release), **(labels or {})},
        nano_cpus=1_000_000_000,
        mem_limit="1g",
        cap_add=["SYS_ADMIN"],
        security_opt=["seccomp=unconfined", "apparmor=unconfined"],
        cgroupns="private",
        tmpfs={"/run": "", "/run/lock": "", "/tmp": ""},
        ports={
            f"{inside}/tcp": ("127.0.0.1", outside) for inside, outside in (ports or {}).items()
        },
        network=network,
        networking_config={network: endpoint} if endpoint else None,
        dns=list(dns) or None,
    )
    return boot(container, dns=dns, authorized_key=authorized_key)


def network(name: str) -> str:
    """Make our Docker network of that name where it is missing (fixed addresses are possible in it)."""
    docker_client = client()
    with only_one("network"):
        if docker_client.networks.list(names=[f"^{name}$"]):
            return name
        labels = {LABEL: "acceptance"}
        # Docker picks a free range, but takes fixed addresses only in a range that was asked for.
        probe = docker_client.networks.create(name, labels=labels)
        probe.reload()
        pool = [docker.types.IPAMPool(subnet=probe.attrs["IPAM"]["Config"][0]["Subnet"])]
        probe.remove()
        docker_client.networks.create(
            name, labels=labels, ipam=docker.types.IPAMConfig(pool_configs=pool)
        )
    return name


def ours(*owners: str) -> list[Any]:
    """Return our containers, in whatever state: the demo's, the acceptance suite's, or all."""
    filters = {"label": LABEL if not owners else [f"{LABEL}={owner}" for owner in owners]}
    return list(client().containers.list(all=True, filters=filters))


def down() -> list[str]:
    """Remove all our containers by id, then our networks; return their names."""
    docker_client = client()
    names = []
    for container in ours():
        remove(container)
        names.append(container.name)
    for net in docker_client.networks.list(filters={"label": LABEL}):
        net.remove()
        names.append(net.name)
    return names


def _demo(releases: list[int]) -> dict[str, dict[str, Any]]:
    """Return the demo's hosts as the inventory names them: container name -> its data."""
    os.environ["RELEASES"] = " ".join(map(str, releases))
    hosts = runpy.run_path(str(INVENTORY))["hosts"]
    return {name.removeprefix("@docker/"): data for name, data in hosts}


def _up(name: str, data: dict[str, Any]) -> str:
    """Start a demo target where it is absent or stopped; return one line about it."""
    container = container_named(name)
    if container is None:
        base_image(data["release"])
        with step(f"Starting {name}"):
            start(
                name,
                data["release"],
                hostname=data["mail_hostname"],
                ports=data["published_ports"],
                labels={LABEL: "demo"},
            )
        how = "started"
    elif container.status != "running":
        boot(container)
        how = "started again"
    else:
        how = "running"
    ports = ", ".join(f"{outside}→{inside}" for inside, outside in data["published_ports"].items())
    return f"{name}: {how}; on 127.0.0.1: {ports}"


SCREEN = """
{hostname} runs in the container {name}, on this machine only (127.0.0.1).

  read   IMAP {p[993]} (TLS) or {p[143]} (STARTTLS)     POP3 {p[995]} (TLS) or {p[110]} (STARTTLS)
  send   SMTP {p[465]} (TLS) or {p[587]} (STARTTLS)     from outside: {p[25]}
  users  {users}
         password of each: {password}     (the certificate is self-signed)

A first mail, from alice to bob, and bob's inbox:
  printf 'From: alice@{domain}\nTo: bob@{domain}\nSubject: first mail\n\nHello Bob\n' |
    curl -k smtps://127.0.0.1:{p[465]} -u alice:{password} --mail-from alice@{domain} --mail-rcpt bob@{domain} -T -
  curl -k 'imaps://127.0.0.1:{p[993]}/INBOX;MAILINDEX=1' -u bob:{password}

The host itself: docker exec -it {name} bash     What to publish in DNS: make dns     Remove it: make clean
"""


def _screen(name: str, data: dict[str, Any]) -> str:
    """Return where to connect, as whom, and how to send a first mail."""
    return SCREEN.format(
        name=name,
        hostname=data["mail_hostname"],
        domain=data["mail_domains"][0],
        p=data["published_ports"],
        users=", ".join(data["mail_users"]),
        password=data["demo_password"],
    )


def main() -> None:
    """Run one of the commands."""
    parser = argparse.ArgumentParser(prog="python -m acceptance.targets", description=__doc__)
    parser.add_argument("command", choices=["up", "down", "list", "images", "screen"])
    parser.add_argument("releases", nargs="*", type=int, choices=[12, 13], default=[13])
    options = parser.parse_args()
    try:
        if options.command == "up":
            with ThreadPoolExecutor() as pool:
                demo = _demo(options.releases)
                for line in pool.map(_up, demo.keys(), demo.values()):
                    print(line)
        elif options.command == "screen":
            for name, data in _demo(options.releases).items():
                print(_screen(name, data))
        elif options.command == "images":
            print(*base_images(options.releases))
        elif options.command == "down":
            print("removed:", ", ".join(down()) or "nothing was there")
        else:
            for container in ours():
                print(container.name, container.labels[LABEL], container.status, container.short_id)
    except SetupError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
