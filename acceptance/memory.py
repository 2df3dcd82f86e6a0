"""What a target's processes take of its 1 GB, and what its journal says of it."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass

from acceptance.container import Target

# The container's own figures: of cgroup v2, or else of v1, which is not mounted in there.
_USAGE = """
cd /sys/fs/cgroup
[ -e memory.stat ] || { mount -t cgroup -o memory none /mnt; cd /mnt; }
cat memory.stat
cat memory.events memory.oom_control 2>/dev/null
"""
_PROCESSES = r"""
awk 'function tell() { if (anon) print name, anon; anon = 0 }
  FNR == 1 { tell() } /^Name:/ { name = $2 } /^RssAnon:/ { anon = $2 } END { tell() }' \
  /proc/[0-9]*/status 2>/dev/null
true
"""


@dataclass(frozen=True)
class Usage:
    """Anonymous memory and swap in MB, and how many processes the kernel has killed for more."""

    anon: float
    swap: float
    oom_kills: int


def usage(target: Target) -> Usage:
    """Return what the target takes now."""
    lines = target.exec("unshare", "--mount", "sh", "-euc", _USAGE, check=False).splitlines()
    found = {key: int(value) for key, value in (line.split() for line in lines)}
    anon = found.get("anon", found.get("total_rss", 0))
    swap = found.get("swap", found.get("total_swap", 0))
    return Usage(anon / 1e6, swap / 1e6, found["oom_kill"])


def processes(target: Target) -> dict[str, list[float]]:
    """Return name -> anonymous memory of each of its processes, in MB; forks share some of it."""
    found: dict[str, list[float]] = defaultdict(list)
    for line in target.exec("sh", "-c", _PROCESSES).splitlines():
        name, kilobytes = line.rsplit(" ", 1)
        found[name].append(int(kilobytes) * 1024 / 1e6)
    return found


#: What no service may ever say, and below it what some tests provoke on purpose.
_ALARM = r"\b(oom|out of memory|panic|fatal)\b"
PROVOKED = (
    # test_transaction.py: a port is taken.
    r"postfix/master\[\d+\]: fatal: bind 127\.0\.0\.1 port 10026: Address already in use",
    r"postfix/master\[\d+\]: fatal: daemon initialization failure -- see logs for details",
    r"postfix/postfix-script\[\d+\]: fatal: mail system startup failed",
    # test_drift.py: asks for the status of a Postfix that it has stopped.
    r"postfix\S*\[\d+\]: .*fatal: the Postfix mail system is not running",
    # test_durability.py, test_reboot.py: they kill processes, and Dovecot as a whole.
    r"dovecot\[\d+\]: .*: Fatal: master: service\(\S+\): child \d+ killed with signal 9",
    r"postfix/cleanup\[\d+\]: fatal: cleanup_milter_receive: milter receive failed",
    r"postfix/submissions?/smtpd\[\d+\]: fatal: no SASL authentication mechanisms",
)


def alarms(target: Target, since: float) -> list[str]:
    """
    Return the journal's lines that tell of a crash or of too little memory.

    + since: seconds since the epoch
    """
    search = ("journalctl", "-q", "--no-pager", f"--since=@{since:.0f}", "--case-sensitive=no")
    found = target.exec(*search, "-g", _ALARM, check=False).splitlines()
    # sudo(8) writes down each command, with whatever words there are in it.
    expected = re.compile("|".join((r" sudo\[", *PROVOKED)))
    return [line for line in found if not expected.search(line)]
