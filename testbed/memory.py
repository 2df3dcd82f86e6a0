"""What a target's processes take of its 1 GB, and what its journal says of it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from testbed.container import Target

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


#: What no service may ever say, and what one may that a test kills or hinders.
_NEVER = r"\b(oom|out of memory|panic)\b"
_UNPROVOKED = r"\bfatal\b"


def alarms(target: Target, since: float, provoked: Sequence[tuple[float, float]] = ()) -> list[str]:
    """
    Return the journal's lines that tell of a crash or of too little memory.

    + since: seconds since the epoch
    + provoked: when, from and to, a test killed or hindered services: what is fatal is its doing
    """
    search = ("journalctl", "-q", "--no-pager", "-o", "short-unix", f"--since=@{since:.0f}")
    said = ("--case-sensitive=no", "-g", f"{_NEVER}|{_UNPROVOKED}")
    return unprovoked(target.exec(*search, *said, check=False).splitlines(), provoked)


def unprovoked(lines: Sequence[str], provoked: Sequence[tuple[float, float]]) -> list[str]:
    """Return which of the journal's lines no test accounts for; sudo(8) quotes commands in its."""
    found = []
    for line in lines:
        moment = float(line.split(" ", 1)[0])
        excused = any(begin <= moment <= end for begin, end in provoked)
        counts = _NEVER if excused else f"{_NEVER}|{_UNPROVOKED}"
        if " sudo[" not in line and re.search(counts, line, re.IGNORECASE):
            found.append(line)
    return found
