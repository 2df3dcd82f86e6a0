"""
The base image of every target: what a bare, cheap Debian VPS has, and nothing else.

`debian:N` comes from the registry where one is reachable, else from debootstrap and this machine's
own Debian mirror. What is built on it is the same text either way.
"""

import hashlib
import io
import json
import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from docker.errors import DockerException, ImageNotFound  # type: ignore[import-untyped]
from requests.exceptions import RequestException

from testbed import engine
from testbed.progress import SetupError, follow, only_one, run, say

CODENAMES = {12: "bookworm", 13: "trixie"}
PULL_TIMEOUT = 20  # seconds without a byte from the registry
PREPARED = "mailhost-prepared:"  # acceptance/support/prepared.py
DEPLOYED = "mailhost-deployed:"  # acceptance/support/deployed.py
OURS = (
    *("mailhost-debian:", "mailhost-base:", "mailhost-peer:", "mailhost-desktop:"),
    *(PREPARED, DEPLOYED),
)
RECIPE_LABEL = "mailhost.recipe"  # not `mailhost`: containers inherit their image's labels

SETUP = (Path(__file__).parent / "programs" / "base" / "setup.sh").read_text()

SOURCES = """\
Types: deb
URIs: {mirror}
Suites: {codename} {codename}-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: {security}
Suites: {codename}-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""


def recipe() -> str:
    """Return the digest of what goes into a base image; another digest means another image."""
    return hashlib.sha256((SETUP + SOURCES).encode()).hexdigest()[:16]


def present(client: Any, tag: str) -> Any | None:
    """Return the local image of that tag, if there is one."""
    try:
        return client.images.get(tag)
    except ImageNotFound:
        return None


def base_image(release: int) -> str:
    """Return the tag of a release's base image, built where it is missing or outdated."""
    client = engine.ensure()
    tag = f"mailhost-base:{release}"
    with only_one(f"base-{release}"):
        image = present(client, tag)
        if image is None or image.labels.get(RECIPE_LABEL) != recipe():
            dockerfile = "\n".join(
                [
                    f"FROM {_debian(client, release)}",
                    "RUN " + json.dumps(["sh", "-euc", SETUP]),
                    f"LABEL {RECIPE_LABEL}={recipe()}",
                    "ENV container=docker",
                    "STOPSIGNAL SIGRTMIN+3",
                ]
            )
            build(
                client,
                tag,
                f"Base image of Debian {release}",
                fileobj=io.BytesIO(dockerfile.encode()),
            )
    return tag


def build(client: Any, tag: str, what: str, **source: Any) -> None:
    """Build an image with progress; a failed build is one sentence, after its last lines."""
    last: list[str] = []

    def lines() -> Iterator[str]:
        for message in client.api.build(tag=tag, rm=True, forcerm=True, decode=True, **source):
            text = (message.get("stream") or message.get("status") or "").strip()
            last.extend(text.splitlines())
            if "error" in message:
                for line in last[-15:]:
                    say(f"    | {line}")
                raise SetupError(f"Building {tag} failed: {message['error'].strip()}")
            yield from text.splitlines()

    follow(what, lines())


def _debian(client: Any, release: int) -> str:
    """Return the tag of a plain Debian image: local, pulled, or made with debootstrap."""
    official, own = f"debian:{release}", f"mailhost-debian:{release}"
    for tag in (own, official):
        if present(client, tag):
            return tag
    impatient = engine.connect()
    impatient.api.timeout = PULL_TIMEOUT
    try:
        impatient.images.pull("debian", tag=str(release))
        return official
    except (DockerException, RequestException):
        say(f"    no registry serves debian:{release} here; making it with debootstrap")
    _debootstrap(release, own)
    return own


def _debootstrap(release: int, tag: str) -> None:
    """Make a minimal Debian from this machine's own mirror, and import it as an image."""
    if not engine.may_install():
        raise SetupError(
            f"debian:{release} cannot be pulled here: bring that image from where a registry is "
            "reachable, or run this as root on a Debian machine."
        )
    if not shutil.which("debootstrap"):
        with only_one("apt"):
            engine.install("debootstrap", "debootstrap")
    codename = CODENAMES[release]
    mirror, security = _mirrors()
    # Not under /tmp: it may be mounted without devices. In a mount namespace of its own, nothing
    # that an interrupted debootstrap leaves mounted is there when the tree is removed.
    with tempfile.TemporaryDirectory(prefix="mailhost-", dir="/var/tmp") as folder:
        root = Path(folder) / "root"
        argv = ["unshare", "--mount", "debootstrap", "--variant=minbase", codename, str(root)]
        run(f"Debian {release} with debootstrap", argv + ([mirror] if mirror else []))
        listing = root / "etc/apt/sources.list"
        if not mirror:  # debootstrap knew one, and wrote it down
            mirror = listing.read_text().split()[1]
        listing.write_text("")
        sources = SOURCES.format(
            codename=codename,
            mirror=mirror,
            security=security or re.sub(r"/debian/?$", "/debian-security", mirror),
        )
        (root / "etc/apt/sources.list.d/debian.sources").write_text(sources)
        run(f"Importing Debian {release}", ["sh", "-euc", IMPORT, folder, tag])


IMPORT = (
    'tar -C "$0/root" --exclude=./var/cache/apt/*.bin --exclude=./var/cache/apt/archives/*.deb'
    ' --exclude=./var/lib/apt/lists/* -cf "$0/tar" . && docker import "$0/tar" "$1"'
)


def _mirrors() -> tuple[str | None, str | None]:
    """Return this machine's own Debian mirror and its security mirror, as far as apt knows them.

    The mirror is the one with the -updates suite: others' sources may be named like a release.
    """
    codename = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages"],
        env={**os.environ, "LC_ALL": "C"},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    ).stdout
    by_suite = {suite: uri for uri, suite in (line.split() for line in listed.splitlines())}
    return by_suite.get(f"{codename}-updates"), by_suite.get(f"{codename}-security")


def base_images(releases: list[int]) -> list[str]:
    """Return the base images' tags of several releases, built at the same time where missing."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(base_image, releases))


def remove_images() -> list[str]:
    """Remove the images that were made here (and their layers), by their tags; return these."""
    client = engine.ensure()
    made = [tag for image in client.images.list() for tag in image.tags if tag.startswith(OURS)]
    for tag in made:
        client.images.remove(tag)
    return made
