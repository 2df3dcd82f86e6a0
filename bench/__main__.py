"""
What a deploy costs (`make bench-deploy`), side by side with installing the same packages by hand,
what the verification of arriving mail costs (`make bench-inbound`), and what memory everybody at
once takes (`make bench-load`).

Ratios of figures from one run on one machine, never a test: machines differ, and so do days.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from acceptance import crowd, memory
from acceptance.deployed import inventory_data
from acceptance.mailhost import HOSTNAME, PASSWORDS, ROOT, data_arguments, message
from acceptance.signatures import signing_domain
from facts.machine import MachineState
from services.all import ALL
from services.configuration import wanted_packages
from settings.models import Settings
from testbed import engine, targets
from testbed.peer import Peer, start_peer
from testbed.progress import say
from testbed.wait import wait_until

APT = "apt-get update -qq && apt-get install -y -qq --no-install-recommends"
NETWORK = "mailhost-bench"
MESSAGES, SESSIONS = 1000, 10
LOAD_SECONDS = 180
UPDATES: dict[str, object] = {"mail_updates": "install"}  # as hosts have it that say nothing
#: More than a login sends in that time, with the service that counts.
MUCH = dict.fromkeys(
    ("messages_hour", "messages_day", "recipients_hour", "recipients_day"), 1_000_000
)


def seconds(action: Callable[[], object]) -> float:
    """Return how long an action takes."""
    started = time.monotonic()
    action()
    return time.monotonic() - started


@dataclass(frozen=True)
class Bench:
    """Two equal targets, one to be deployed and one for packages by hand and as a client."""

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
        """Deploy by the CLI, as a user does."""
        pyinfra = os.fspath(Path(sys.executable).with_name("pyinfra"))
        command = [pyinfra, os.fspath(self.inventory), "deploy.py", "-y", *data_arguments(data)]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)

    def memory(self) -> float:
        """Return the anonymous memory of all processes of the target, in MB, by its cgroup."""
        container = engine.ensure().containers.get(self.deployed.id)
        stats = container.stats(stream=False)["memory_stats"]["stats"]
        return float(stats.get("anon", stats.get("total_rss", 0))) / 1e6

    def is_idle(self) -> bool:
        """Return whether no process is left that serves somebody."""
        return not memory.processes(self.deployed).keys() & {"imap", "smtpd", "cleanup", "smtp"}

    def inbound(self) -> float:
        """Return the seconds for MESSAGES signed messages to port 25, until the queue is empty."""
        source = f"smtp-source -s {SESSIONS} -m {MESSAGES} -f someone@signer.example"
        recipient = f"-t alice@example.test -F /root/message {self.deployed.address}:25"
        arrived = 'until [ -z "$(ls /var/spool/postfix/incoming /var/spool/postfix/active | \
            grep -v :)" ]; do sleep 0.02; done'

        def deliver() -> None:
            self.by_hand.exec("sh", "-c", f"{source} {recipient}")
            self.deployed.exec("sh", "-c", arrived)

        return seconds(deliver)


@contextmanager
def bench(release: int) -> Iterator[Bench]:
    """Two bare targets of a release and the rest of the world."""
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
        folder = ROOT / "build/acceptance"
        folder.mkdir(parents=True, exist_ok=True)
        inventory = folder / f"{deployed.name}.py"
        # The client sends more than a stranger may.
        data = inventory_data(deployed)
        data |= {"mail_trusted_networks": [by_hand.address]} | UPDATES
        inventory.write_text(f"mail = [{(f'@docker/{deployed.name}', data)!r}]\n")
        yield Bench(deployed, by_hand, world, inventory)
    finally:
        for target in started:
            target.remove()
        targets.remove_network(NETWORK)


def measure_deploy(release: int) -> None:
    """Print what a deploy of one release costs."""
    with bench(release) as pair:
        apt = seconds(pair.install)
        first, second = seconds(pair.deploy), seconds(pair.deploy)
        print(f"Debian {release}")
        print(f"  apt-get update and install, by hand   {apt:6.1f} s")
        print(f"  first deploy                          {first:6.1f} s   {first / apt:.2f} x")
        print(f"  second run, 0 changes                 {second:6.1f} s   {second / apt:.2f} x")
        print(f"  idle memory of the whole target       {pair.memory():6.1f} MB")


def measure_inbound(release: int) -> None:
    """Print what the verification of arriving mail costs on one release."""
    with bench(release) as pair:
        pair.install()
        pair.world.name_address(pair.by_hand.address, "mx.signer.example")
        sign = signing_domain(pair.world, "signer.example")
        mail = message("bench", "someone@signer.example", "alice@example.test").as_bytes()
        signed = sign(mail.replace(b"\n", b"\r\n")).replace(b"\r\n", b"\n")
        pair.by_hand.exec("sh", "-c", "cat > /root/message", input=signed)
        print(f"Debian {release}: {MESSAGES} messages with a DKIM signature, {SESSIONS} sessions")
        took, memory = {}, {}
        for mode in ("off", "mark"):
            pair.deploy(mail_dmarc_inbound=mode)
            memory[mode] = pair.memory()
            pair.inbound()  # the first time fills caches
            took[mode] = pair.inbound()
            print(
                f"  {mode:5} {MESSAGES / took[mode]:6.0f} messages/s   "
                f"{took['off'] / took[mode]:.2f} x   idle memory {memory[mode]:.1f} MB"
            )


def measure_load(release: int) -> None:
    """Print what memory a host takes with everybody at once; see docs/memory.md."""
    with bench(release) as pair:
        target, started = pair.deployed, time.time()
        pair.deploy(mail_limits=MUCH, mail_trusted_networks=[str(pair.world.network)])
        idle = memory.usage(target)
        result = crowd.run(target, pair.world, PASSWORDS, seconds=LOAD_SECONDS)
        waited = seconds(lambda: wait_until(lambda: pair.is_idle(), 300, "idle processes end"))
        after = memory.usage(target)
        print(
            f"Debian {release}: {crowd.SESSIONS} for {LOAD_SECONDS} s, {len(result.errors)} errors"
        )
        print(f"  {result.taken} messages taken, {result.sent} sent, {result.looks} looks")
        print(f"  MB: idle {idle.anon:.0f}, peak {result.peak:.0f}, ", end="")
        print(f"{waited:.0f} s after the load {after.anon:.0f}; swap {after.swap:.0f}")
        print(f"  killed for memory {after.oom_kills}; alarms {memory.alarms(target, started)}")
        for name, (count, largest) in sorted(result.processes.items()):
            print(f"    {name:18} {count:3} at most, the largest {largest:5.1f} MB")


MEASURES = {"deploy": measure_deploy, "inbound": measure_inbound, "load": measure_load}


def main() -> None:
    """Measure the releases named on the command line, or both."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("what", choices=MEASURES)
    parser.add_argument("releases", nargs="*", type=int, help="12, 13 or both; both unless given")
    options = parser.parse_args()
    for release in options.releases or (13, 12):
        say(f"--> Measuring Debian {release}")
        MEASURES[options.what](release)


if __name__ == "__main__":
    main()
