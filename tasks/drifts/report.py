"""The drift of one host: its rows, as a table to read and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from tasks.text import cell, columns, heading, json_heading

#: The widest column of the table; JSON has the whole text.
WIDTH = 60


@dataclass(frozen=True)
class Row:
    """One difference between a host and how it was deployed."""

    what: str  # a file, a service, a port, …
    wanted: str
    found: str
    since: datetime | None = None  # when it changed, None where the host does not tell


def moment(seconds: float) -> datetime | None:
    """Return epoch seconds as a time; None for 0, which stands for unknown."""
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


@dataclass(frozen=True)
class Report:
    """All drift of one host."""

    host: str  # its mail_hostname
    time: datetime  # when the look began
    rows: Sequence[Row]

    def headline(self) -> str:
        """Return the result as a sentence."""
        count = len(self.rows)
        return f"{count} thing{'s' if count > 1 else ''} drifted" if count else "nothing drifted"


def as_json(report: Report) -> dict[str, Any]:
    """Return the report as what JSON can hold; times are ISO 8601."""
    rows = [
        {**asdict(row), "since": row.since and row.since.isoformat(timespec="seconds")}
        for row in report.rows
    ]
    return {**json_heading(report.host, report.time), "drift": rows}


def as_table(report: Report) -> str:
    """Return the report for a terminal, or for a mail from cron."""
    lines = [f"{heading(report.host, report.time)}: {report.headline()}"]
    if report.rows:
        table = [["what", "wanted", "found", "since (UTC)"]]
        for row in report.rows:
            since = f"{row.since:%Y-%m-%d %H:%M}" if row.since else "-"
            shown = [cell(text, WIDTH) for text in (row.what, row.wanted, row.found)]
            table.append([*shown, since])
        lines += ["", *columns(table)]
    return "\n".join(lines)
