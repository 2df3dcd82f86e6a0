"""Two equal targets and the rest of the world, for measurements."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from facts.machine import MachineState
from services.all import ALL
from services.configuration import wanted_packages
from settings.models import Settings
from testbed import engine, targets
from testbed.command_line import data_arguments, pyinfra
from testbed.inventory import (
    BUILD,
    HOSTNAME,
    ROOT,
    inventory_data,
    inventory_name,
    write_inventory,
)
from testbed.peer import Peer, start_peer

APT = "apt-get update -qq && apt-get install -y -qq --no-install-recommends"
NETWORK = "mailhost-bench"
UPDATES: dict[str, object] = {"mail_updates": "install"}  # the default, for a host in production


def seconds(action: Callable[[], object]) -> float:
    """Return how long an action takes."""
    started = time.monotonic()
    action()
    return time.monotonic() - started


@dataclass(frozen=True)
class TwoTargets:
    """One target to be deployed, and one for packages by hand and as a client."""

    deployed: targets.Target
    by_hand: targets.Target
    world: Peer
    inventory: Path

    def install(self) -> None:
        """Install by hand what a deploy of this inventory installs."""
        settings = Settings.model_validate(inventory_data(self.deployed) | UPDATES)
        packages = wanted_packages(ALL, settings, MachineState())
        self.by_hand.exec("sh", "-c", f"{APT} {' '.join(packages)}")

    def deploy(self, **data: object) -> None:
        """Deploy by the CLI, as a user does; `data` replaces keys of the inventory."""
        command = pyinfra(self.inventory, "deploy.py", "-y", *data_arguments(data))
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)

    def memory(self) -> float:
        """Return the anonymous memory of all processes of the target, in MB, by its cgroup."""
        container = engine.ensure().containers.get(self.deployed.id)
        stats = container.stats(stream=False)["memory_stats"]["stats"]
        return float(stats.get("anon", stats.get("total_rss", 0))) / 1e6


@contextmanager
def two_targets(release: int) -> Iterator[TwoTargets]:
    """Start two bare targets of a release and the rest of the world; remove them in the end."""
    world = start_peer(NETWORK)
    started = [world.target]
    try:
        for kind in "ab":
            started.append(
                targets.start(
                    f"{NETWORK}-{kind}-{release}",
                    release,
                    hostname=HOSTNAME,
                    network=NETWORK,
                    dns=[world.address],
                )
            )
        _, by_hand, deployed = started
        # The client sends more than a stranger may.
        data = inventory_data(deployed)
        data |= {"mail_trusted_networks": [by_hand.address]} | UPDATES
        name = inventory_name(deployed, by_docker=True)
        inventory = write_inventory(BUILD / f"{deployed.name}.py", {name: data})
        yield TwoTargets(deployed, by_hand, world, inventory)
    finally:
        for target in started:
            target.remove()
        targets.remove_network(NETWORK)
