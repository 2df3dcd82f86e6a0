"""The demo: targets that stay up on this machine, as inventories/docker.py describes them."""

import os
import runpy
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from testbed import targets
from testbed.container import LABEL, as_target, boot
from testbed.progress import step

INVENTORY = Path(__file__).parent.parent / "inventories" / "docker.py"

SCREEN = r"""
{hostname} runs in the container {name}, on this machine only (127.0.0.1).

  read   IMAP {p[993]} (TLS) or {p[143]} (STARTTLS)     POP3 {p[995]} (TLS) or {p[110]} (STARTTLS)
  send   SMTP {p[465]} (TLS) or {p[587]} (STARTTLS)     from outside: {p[25]}
  users  {users}
         password of each: {password}     (the certificate is self-signed)

A first mail, from alice to bob, and bob's newest:
  printf 'From: alice@{domain}\nTo: bob@{domain}\nSubject: first mail\n\nHello Bob\n' |
    curl -sk smtps://127.0.0.1:{p[465]} -u alice:{password} \
      --mail-from alice@{domain} --mail-rcpt bob@{domain} -T -
  curl -sk 'imaps://127.0.0.1:{p[993]}/INBOX;MAILINDEX=*' -u bob:{password}

Inside: docker exec -it {name} bash     What to publish: make dns     Away with it: make clean
"""


def hosts(releases: list[int]) -> dict[str, dict[str, Any]]:
    """Return the demo's hosts as its inventory names them: container name -> its data."""
    os.environ["RELEASES"] = " ".join(map(str, releases))
    found = runpy.run_path(str(INVENTORY))["hosts"]
    return {name.removeprefix("@docker/"): data for name, data in found}


def _up(name: str, data: dict[str, Any]) -> str:
    """Start a demo target where it is absent or stopped; return one line about it."""
    container = targets.container_named(name)
    if container is None:
        image = targets.base_image(data["release"])
        with step(f"Starting {name}"):
            targets.start(
                name,
                data["release"],
                hostname=data["mail_hostname"],
                ports=data["published_ports"],
                labels={LABEL: "demo"},
                image=image,
            )
        how = "started"
    elif container.status != "running":
        boot(container)
        how = "started again"
    else:
        as_target(container).wait_booted()  # another command may have started it just now
        how = "running"
    ports = ", ".join(f"{outside}→{inside}" for inside, outside in data["published_ports"].items())
    return f"{name}: {how}; on 127.0.0.1: {ports}"


def up(releases: list[int]) -> list[str]:
    """Start the demo's targets where they do not run; return a line about each."""
    wanted = hosts(releases)
    with ThreadPoolExecutor() as pool:
        return list(pool.map(_up, wanted.keys(), wanted.values()))


def screen(releases: list[int]) -> list[str]:
    """Return where to connect, as whom, and how to send a first mail, for each demo target."""
    return [
        SCREEN.format(
            name=name,
            hostname=data["mail_hostname"],
            domain=data["mail_domains"][0],
            p=data["published_ports"],
            users=", ".join(data["mail_users"]),
            password=data["demo_password"],
        )
        for name, data in hosts(releases).items()
    ]
