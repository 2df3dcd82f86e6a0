"""Somebody's desktop, in a container: Thunderbird, which sets itself up by an address."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from testbed import engine, targets
from testbed.container import LABEL
from testbed.images import build, present
from testbed.peer import RELEASE
from testbed.progress import only_one

FOLDER = Path(__file__).parent.parent / "programs" / "desktop"
IMAGE = "mailhost-desktop:latest"
FILES = ("Dockerfile", "thunderbird.py")


@dataclass(frozen=True)
class Seen:
    """
    + settings: as they were found, e.g. ("imap mail.example.test:993", …)
    + subjects: of the messages in the inbox
    + picture: of its window, PNG
    """

    settings: tuple[str, ...]
    subjects: tuple[str, ...]
    picture: bytes


def image() -> str:
    """Return the tag of the desktop's image, built where it is missing or outdated."""
    targets.base_image(RELEASE)
    client = engine.ensure()
    with only_one("desktop"):
        files = b"".join((FOLDER / name).read_bytes() for name in FILES)
        labels = {"mailhost.files": hashlib.sha256(files).hexdigest()[:16]}
        made = present(client, IMAGE)
        if made is None or made.labels.get("mailhost.files") != labels["mailhost.files"]:
            build(client, IMAGE, "Image of the desktop", path=str(FOLDER), labels=labels)
    return IMAGE


def thunderbird(
    network: str, dns: str, address: str, password: str, subject: str, authority: str
) -> Seen:
    """
    Let Thunderbird set itself up, send a message to its own address, and read the inbox.

    + network: Docker's, which the desktop is in
    + dns: address of the DNS server that it asks
    + authority: certificate that it trusts (PEM)
    """
    asked = {"address": address, "password": password, "subject": subject, "authority": authority}
    place = ("--network", network, "--dns", dns, "--label", f"{LABEL}=acceptance")
    done = subprocess.run(
        ["docker", "run", "--rm", "-i", *place, image()],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    picture = base64.b64decode(said["picture"])
    return Seen(tuple(said["settings"]), tuple(said["subjects"]), picture)
