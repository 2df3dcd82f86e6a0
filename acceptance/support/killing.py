"""
Kills processes, whole services, the machine and the deploy at random moments of a seed, while mail
comes and goes. A killed container keeps its files, as a machine whose kernel lives: what a power
cut takes from the page cache it does not show. For that there is fsync(2), see README.md.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from acceptance.support import cli
from acceptance.support.ledger import Ledger, Verdict
from acceptance.support.load import Load
from acceptance.support.mailhost import MailHost
from services.dovecot import DOVECOT
from services.postfix import POSTFIX
from testbed.command_line import data_arguments
from testbed.inventory import ROOT
from testbed.progress import say
from testbed.wait import wait_until

#: By their names in ps(1): Postfix's, the milters, PostSRSd, Dovecot's.
PROCESSES = (
    *("master", "qmgr", "pickup", "cleanup", "smtpd", "virtual", "smtp", "trivial-rewrite"),
    *("opendkim", "opendmarc", "postsrsd"),
    *("dovecot", "auth", "imap"),
)
WHOLE = {f"all of {each.name}": each for each in (POSTFIX, DOVECOT)}
#: What one round kills, in a random order.
ROUND = (*PROCESSES, *WHOLE, "deploy", "import", "machine", "machine")
#: Seconds within which what was killed has to be back. Postfix itself leaves alone for 60 what died
#: at its start or while it delivered: service_throttle_time, transport_retry_time, in postconf(5).
RECOVERY = 90

IMPORT = "tasks/import_maildirs.py"
# A Maildir for an import, also where there was one before, into a mailbox that mail arrives in.
OLD_MAILDIR = """
cur=/home/alice/Maildir/cur
mkdir -p "$cur"
for n in $(seq 1000); do echo old > "$cur/17.$n.old:2,S"; done
chown -R 1234:1234 /home/alice
rm -f /var/vmail/example.test/alice/.imported
"""
#: What an import runs on the host, by its command line.
IMPORTING = "mailhost/import /var/vmail|join.sh ROOT|join_maildir.py MAILBOX"


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
        elif what == "import":
            wait_until(self._killed_import, RECOVERY, "an import that is killed before its end")
        elif what in PROCESSES:
            # One that was killed just now comes back, and many are there only while they work.
            wait_until(
                lambda: self._done("pkill", "-KILL", "-x", "-e", what),
                RECOVERY,
                f"{what} runs, to be killed",
            )
        else:
            unit = self.host.unit(WHOLE[what])
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
        """Kill a deploy that changes something."""
        changes = {
            "mail_message_size_limit": self.dice.randrange(40_000_000, 50_000_000),
            "mail_dmarc_inbound": self.dice.choice(["off", "mark"]),
        }
        return self._killed_run("deploy.py", *data_arguments(changes))

    def _killed_import(self) -> bool:
        """Kill an import of a Maildir, and what it has begun on the host."""
        self.host.run("sh", "-c", OLD_MAILDIR)
        alive = self._killed_run(IMPORT)
        self.host.run("pkill", "-KILL", "-f", IMPORTING, check=False)
        return alive

    def _killed_run(self, file: str, *arguments: str) -> bool:
        """Start a run, and kill it with all its children; False if it had ended before."""
        with subprocess.Popen(
            self.host.command(file, "-y", *arguments),
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
    with host.restored(), Load(host, ledger, pace):
        for number in range(rounds):
            started = time.monotonic()
            for _ in killer.round():
                pass
            say(
                f"    round {number + 1} of {rounds}: {killer.kills.total()} kills, "
                f"{len(ledger.entries())} messages acknowledged, {time.monotonic() - started:.0f} s"
            )
            run = host.deploy(IMPORT)  # takes up what was cut off, under load
            assert run.code == 0, run.output
        # Else what died at its start is left alone for a minute, see service_throttle_time.
        host.run("systemctl", "restart", host.unit(POSTFIX))
    settle(host)
    host.run("rm", "-rf", "/home/alice")
    return killer.kills, ledger.judge(ledger.found(host))


# ---- a run that is killed ------------------------------------------------------------------------

#: Lists what a killed run may leave, and the next one clears.
LEFTOVERS = (
    "find /etc -maxdepth 1 -name '.mailhost.*'; find /etc/dkimkeys /etc/ssl/mail -name '.new*'; "
    "find /usr/sbin -name policy-rc.d"
)


def kill_when(host: MailHost, words: str, *arguments: str, then: str = "") -> None:
    """
    Kill a deploy, with its children.

    + words: kill it when it has printed them
    + arguments: of pyinfra
    + then: a shell command on the host that has to end first
    """
    heard, said = os.pipe()
    pid, ended = cli.start(host.command("deploy.py", "-y", *arguments), said, said)
    os.close(said)
    with os.fdopen(heard) as lines:
        assert any(words in line for line in lines), f"the run ended without {words!r}"
        if then:
            host.run("timeout", "20", "sh", "-c", then)
        os.killpg(pid, signal.SIGKILL)
    os.close(ended)
