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


#: What no service may ever say, and what only a test may bring about that says so (`provoke`).
_NEVER = r"\b(oom|out of memory|panic)\b"
_UNPROVOKED = r"\bfatal\b"
_BEGIN, _END = "what is fatal is provoked from here", "what is fatal is provoked to here"


def provoke(target: Target, ends: bool = False) -> None:
    """Write into the journal that fatal errors are provoked from here on: something is killed."""
    target.exec("logger", "-t", "acceptance", _END if ends else _BEGIN)


def alarms(target: Target, since: float) -> list[str]:
    """
    Return the journal's lines that tell of a crash or of too little memory.

    + since: seconds since the epoch
    """
    search = ("journalctl", "-q", "--no-pager", f"--since=@{since:.0f}", "--case-sensitive=no")
    return unprovoked(
        target.exec(*search, "-g", f"{_NEVER}|{_UNPROVOKED}", check=False).splitlines()
    )


def unprovoked(lines: list[str]) -> list[str]:
    """Return which of the journal's lines no test accounts for; sudo(8) quotes commands in its."""
    found, provoked = [], False
    for line in lines:
        if "acceptance[" in line:
            provoked = line.endswith(_BEGIN)
        elif " sudo[" not in line and not (provoked and not re.search(_NEVER, line, re.I)):
            found.append(line)
    return found
