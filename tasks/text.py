"""What the reports of several tasks have in common: their heading, cells and columns."""

from collections.abc import Sequence
from datetime import datetime

from facts.text import printable


def heading(host: str, time: datetime) -> str:
    """Return what a report for a terminal begins with."""
    return f"{host}, {time:%Y-%m-%d %H:%M} UTC"


def json_heading(host: str, time: datetime) -> dict[str, str]:
    """Return the same for JSON; the time is ISO 8601."""
    return {"host": host, "time": time.isoformat(timespec="seconds")}


def cell(text: str, width: int) -> str:
    """Return a printable text of at most this many characters."""
    shown = printable(text)
    return shown if len(shown) <= width else f"{shown[: width - 1]}…"


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a line for each row, with the columns below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
