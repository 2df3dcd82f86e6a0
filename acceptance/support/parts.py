"""
Parts of the suite: each is for one worker of pytest-xdist, with one target of one release.

Modules are packed into parts by the seconds that they took before, in acceptance/durations.json,
which `--record-durations` writes. A module's tests stay together.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import fmean

DURATIONS = Path(__file__).parent.parent / "durations.json"


def packed(modules: Iterable[str], durations: Mapping[str, float], parts: int) -> list[list[str]]:
    """
    Distribute modules among parts: the longest first, each to the part with the least to do.

    + durations: module -> seconds; a module without a record counts as the average of the others
    + parts: how many to make, at most

    Returns the parts that have something to do.
    """
    names = sorted(modules)
    known = [durations[name] for name in names if name in durations]
    average = fmean(known) if known else 1.0
    seconds = {name: durations.get(name, average) for name in names}
    loads = [0.0] * parts
    found: list[list[str]] = [[] for _ in range(parts)]
    for name in sorted(names, key=lambda name: -seconds[name]):
        least = loads.index(min(loads))
        found[least].append(name)
        loads[least] += seconds[name]
    return [part for part in found if part]


def shares(workers: int, releases: Iterable[int]) -> dict[int, int]:
    """Return release -> number of parts, so that each worker has one, as evenly as possible."""
    names = list(releases)
    return {
        release: max(1, (workers + number) // len(names))
        for number, release in enumerate(reversed(names))
    }


def recorded(path: Path = DURATIONS) -> dict[int, dict[str, float]]:
    """Return release -> module -> seconds, as they were recorded."""
    if not path.exists():
        return {}
    found = json.loads(path.read_text())
    return {int(release): modules for release, modules in found.items()}
