"""
The hosts of one run: all are reported, also after one of them failed.

pyinfra runs a task for all hosts at the same time, and ends the run at the first exception. So only
the host that comes last raises one, for all.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from tasks.checks.report import Report, as_json

_ended: dict[str, dict[str, Any]] = {}


def ended(name: str, result: Report | str) -> None:
    """
    Note how the checks of a host ended.

    + name: of the host, in the inventory
    + result: its report, or why there is none
    """
    entry = as_json(result) if isinstance(result, Report) else {"host": name, "error": result}
    _ended[name] = entry


def all_ended(names: Collection[str]) -> bool:
    """Return whether all hosts of the run have ended."""
    return _ended.keys() >= set(names)


def everything() -> str:
    """Return the JSON of all hosts, in the order of their names."""
    return json.dumps([_ended[name] for name in sorted(_ended)], indent=2, ensure_ascii=False)


def failures() -> list[str]:
    """Return a line for each host that could not be checked, or has a required failure."""
    lines = []
    for name, entry in sorted(_ended.items()):
        if "error" in entry:
            lines.append(f"{name}: {entry['error']}")
        elif entry["summary"]["failed_required"]:
            ids = dict.fromkeys(
                finding["id"]
                for finding in entry["findings"]
                if (finding["status"], finding["severity"]) == ("failed", "required")
            )
            lines.append(f"{name}: required checks failed: {', '.join(ids)}")
    return lines
