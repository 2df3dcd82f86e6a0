"""
Nothing that was acknowledged is lost, whatever is killed (`make durability`).

Mail comes and goes while processes, whole services, the machine and the deploy are killed at random
moments of a seed. A killed container keeps its files, as a machine whose kernel lives: what a power
cut takes from the page cache it does not show. For that there is fsync(2), see README.md.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from acceptance.conftest import PORTS
from acceptance.deployed import inventory_data
from acceptance.ledger import Ledger, Verdict
from acceptance.load import Load
from acceptance.mailhost import HOSTNAME, ROOT, MailHost, data_arguments
from testbed import targets
from testbed.peer import start_peer
from testbed.progress import say
from testbed.wait import wait_until

#: By their names in ps(1): Postfix's, the milters, PostSRSd, Dovecot's.
PROCESSES = (
    *("master", "qmgr", "pickup", "cleanup", "smtpd", "virtual", "smtp", "trivial-rewrite"),
    *("opendkim", "opendmarc", "postsrsd"),
    *("dovecot", "auth", "imap"),
)
#: What one round kills, in a random order.
ROUND = (*PROCESSES, "all of postfix", "all of dovecot", "deploy", "machine", "machine")
POSTFIX_UNIT = {12: "postfix@-.service", 13: "postfix.service"}
#: Seconds within which what was killed has to be back. Postfix itself leaves alone for 60 what died
#: at its start or while it delivered: service_throttle_time, transport_retry_time, in postconf(5).
RECOVERY = 90


@dataclass
class Killer:
    """
    Kills, one after the other.

    + pause: at most so many seconds between two of them
    """

    host: MailHost
    dice: random.Random
    pause: float
    kills: Counter[str] = field(default_factory=Counter)

    def round(self) -> Iterator[str]:
        """Kill all of ROUND that is switched on; yield what was killed."""
        for what in self.dice.sample(ROUND, len(ROUND)):
            time.sleep(self.dice.uniform(0, self.pause))  # the random moment
            if what == "opendmarc" and not self._done("systemctl", "is-enabled", what):
                continue  # a deploy that was killed had switched it off by then
            self._kill(what)
            self.kills[what] += 1
            yield what

    def _kill(self, what: str) -> None:
        if what in ("machine", "all of postfix"):
            self._back_up()
        if what == "machine":
            self.host.reboot(kill=True)
        elif what == "deploy":
            wait_until(self._killed_deploy, RECOVERY, "a deploy that is killed before its end")
        elif what in PROCESSES:
            # One that was killed just now comes back, and many are there only while they work.
            wait_until(
                lambda: self._done("pkill", "-KILL", "-x", "-e", what),
                RECOVERY,
                f"{what} runs, to be killed",
            )
        else:
            service = what.rpartition(" ")[2]
            unit = POSTFIX_UNIT[self.host.release] if service == "postfix" else service
            wait_until(
                lambda: self._done("systemctl", "kill", "--signal=KILL", unit),
                RECOVERY,
                f"{unit} runs, to be killed",
            )

    def _back_up(self) -> None:
        """Hold the queue manager until mail waits: a queue that is empty has nothing to lose."""
        queue = ("sh", "-c", "pkill -STOP -x qmgr && postqueue -j")
        wait_until(lambda: self.host.run(*queue, check=False), RECOVERY, "mail in the queue")

    def _done(self, *command: str) -> bool:
        return bool(self.host.run("sh", "-c", '"$@" && echo done', "kill", *command, check=False))

    def _killed_deploy(self) -> bool:
        """Start a deploy that changes something, and kill it with all its children."""
        changes = {
            "mail_message_size_limit": self.dice.randrange(40_000_000, 50_000_000),
            "mail_dmarc_inbound": self.dice.choice(["off", "mark"]),
        }
        with subprocess.Popen(
            self.host.command("deploy.py", "-y", *data_arguments(changes)),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            time.sleep(self.dice.uniform(1, 4))  # before that it has not connected
            alive = process.poll() is None
            if alive:
                os.killpg(process.pid, signal.SIGKILL)
            return alive


def settle(host: MailHost, timeout: float = 120) -> None:
    """Wait until the queue is empty; Postfix is asked for its next attempt, not waited for."""

    def is_empty() -> bool:
        return host.run("sh", "-c", "postqueue -f && postqueue -j || echo down", check=False) == ""

    wait_until(is_empty, timeout, "an empty queue")


def prove(
    host: MailHost, path: Path, seed: int, pace: float, rounds: int = 1
) -> tuple[Counter[str], Verdict]:
    """
    Kill through some rounds under load; return the kills by kind, and what became of the mail.

    + path: a new file for the ledger
    + pace: seconds between two messages of a session
    """
    ledger, killer = Ledger(path), Killer(host, random.Random(seed), pause=0.9)
    with Load(host, ledger, pace):
        for number in range(rounds):
            started = time.monotonic()
            for _ in killer.round():
                pass
            say(
                f"    round {number + 1} of {rounds}: {killer.kills.total()} kills, "
                f"{len(ledger.entries())} messages acknowledged, {time.monotonic() - started:.0f} s"
            )
        # Else what died at its start is left alone for a minute, see service_throttle_time.
        host.run("systemctl", "restart", POSTFIX_UNIT[host.release])
    host.must_deploy()
    settle(host)
    return killer.kills, ledger.judge(ledger.found(host))


@contextmanager
def bare_host(name: str, release: int) -> Iterator[MailHost]:
    """A deployed target of its own with the rest of the world, removed afterwards."""
    world = start_peer(name)
    started = [world.target]
    try:
        target = targets.start(
            f"{name}-{release}",
            release,
            ports=dict.fromkeys(PORTS),
            network=name,
            hostname=HOSTNAME,
            dns=[world.address],
        )
        started.append(target)
        inventory = ROOT / "build/acceptance" / f"{target.name}.py"
        inventory.parent.mkdir(parents=True, exist_ok=True)
        entry = (f"@docker/{target.name}", inventory_data(target))
        inventory.write_text(f"mail = [{entry!r}]\n")
        host = MailHost(release, target, world, inventory)
        host.must_deploy()
        yield host
    finally:
        for each in started:
            each.remove()
        targets.remove_network(name)


def main() -> None:
    """Prove it on the releases named on the command line, or both; exit 1 where it is not so."""
    parser = argparse.ArgumentParser(prog="python -m acceptance.durability", description=__doc__)
    parser.add_argument("releases", nargs="*", type=int, help="12, 13 or both; both unless given")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--kills", type=int, default=200, help="at least so many (default: 200)")
    options = parser.parse_args()
    good = True
    for release in options.releases or (13, 12):
        say(f"--> Debian {release}, seed {options.seed}")
        with (
            bare_host("mailhost-durability", release) as host,
            tempfile.TemporaryDirectory() as folder,
        ):
            rounds = -(-options.kills // len(ROUND))
            kills, verdict = prove(host, Path(folder, "ledger"), options.seed, 0.1, rounds)
            print(f"Debian {release}, seed {options.seed}: {kills.total()} kills; {verdict}")
            print("  " + ", ".join(f"{what} {count}" for what, count in sorted(kills.items())))
            for kind in ("lost", "wrong"):
                for entry, box in getattr(verdict, kind):
                    print(f"  {kind}: {entry} {box}")
            good &= verdict.good
    raise SystemExit(not good)


if __name__ == "__main__":
    main()
