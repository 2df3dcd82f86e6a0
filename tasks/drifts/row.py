"""One difference between a host and how it was deployed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Row:
    """
    + what: a file, a service, a port, …
    + since: when it changed, None where the host does not tell
    """

    what: str
    wanted: str
    found: str
    since: datetime | None = None


def moment(seconds: float) -> datetime | None:
    """Return epoch seconds as a time; None for 0, which stands for unknown."""
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
