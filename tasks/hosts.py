"""
The hosts of one run of a task: each is reported, even after another one failed.

pyinfra runs a task for all hosts at the same time and ends the run at the first exception. So only
the last host raises an exception, on behalf of all.
"""

import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from facts.text import printable

_ended: dict[str, Mapping[str, Any]] = {}
_failures: dict[str, str] = {}


def json_wanted(task: str) -> bool:
    """Return whether MAIL_TASK_JSON=1 asks for JSON on standard output in place of the table."""
    return os.environ.get(f"MAIL_{task.upper()}_JSON") == "1"


def page(task: str, entry: Mapping[str, Any]) -> Path:
    """Write a host's report to build/TASK/HOST.json; return that path."""
    path = Path("build") / task / f"{entry['host']}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(entry, indent=2))
    return path


def ended(name: str, entry: Mapping[str, Any], failure: str = "") -> None:
    """Note a host's report, and what makes the run fail, "" for nothing."""
    _ended[name] = entry
    if failure:
        _failures[name] = failure


def unseen(name: str, error: str) -> None:
    """Note that a host could not be looked at; the error may quote it."""
    error = printable(error, keep="\n").removeprefix(f"{name}: ")
    ended(name, {"host": name, "error": error}, error)


def all_ended(names: Collection[str]) -> bool:
    """Return whether all hosts of the run have ended."""
    return _ended.keys() >= set(names)


def everything() -> str:
    """Return the JSON of all hosts, in the order of their names."""
    return json.dumps([_ended[name] for name in sorted(_ended)], indent=2)


def failures() -> list[str]:
    """Return a line for each host that failed."""
    return [f"{name}: {failure}" for name, failure in sorted(_failures.items())]


def any_seen_failed() -> bool:
    """Return whether a host failed by what was found on it, and not because nobody could look."""
    return any("error" not in _ended[name] for name in _failures)
