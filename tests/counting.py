"""Counts of what logins send, for the tests of remote/limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from limits.counts import Counts
from limits.message import Message
from limits.plan import Plan

NOW = 1_800_000_000 - 1_800_000_000 % 60
ALICE = "alice@example.org"


def counts(folder: Path, warmup: Any = None, **limits: int) -> Counts:
    """Return the counts of a process with these limits; their file is in `folder`."""
    plan = Plan(limits, warmup, ["example.org"], "root@example.org", "")
    return Counts(str(folder / "counts.sqlite"), plan)


def message(*remote: str, login: str = ALICE, recipients: int = 0) -> Message:
    """Return a message of a login to these remote recipients, or to `recipients` in all."""
    return Message(login, recipients or len(remote) or 1, frozenset(remote))


def refused(counts: Counts, submitted: Message, now: int = NOW) -> str:
    """Return the limit that refuses a message, or nothing."""
    refusal = counts.take(submitted, now)
    return refusal.limit if refusal else ""
