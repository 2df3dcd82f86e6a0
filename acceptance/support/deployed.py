"""
An image of each release on which this tree was deployed, for targets whose first deploy nobody
looks at: a test's own run finds little to do. Another tree makes it anew.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory

from acceptance.support import prepared
from testbed import engine, targets
from testbed.command_line import pyinfra
from testbed.container import BOOT_TIMEOUT
from testbed.images import DEPLOYED, RECIPE_LABEL, present
from testbed.inventory import HOSTNAME, ROOT, inventory_data, inventory_name, write_inventory
from testbed.progress import only_one, run

# What a deploy is made of, and the inventory.
SOURCES = (
    *("deploy.py", "layout.py", "preflight.py", "settings/**/*", "wanted/**/*", "services/**/*"),
    *("facts/**/*", "operations/**/*", "remote/**/*", "templates/**/*"),
    *("testbed/inventory.py", "acceptance/support/deployed.py"),
)
# A machine is known by its id, and its journal by that.
FORGET = "rm -rf /var/log/journal/*; : > /etc/machine-id; systemctl poweroff"


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
        name = inventory_name(target, by_docker=True)
        inventory = write_inventory(Path(folder, "inventory.py"), {name: inventory_data(target)})
        what = f"Image of Debian {target.release} with a deployed host"
        run(what, pyinfra(inventory, str(ROOT / "deploy.py"), "-y"))
