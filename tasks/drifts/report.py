"""The drift of one host as a table to read and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from tasks.drifts.row import Row
from tasks.text import cell, columns, heading, json_heading

#: The widest column of the table; JSON has the whole text.
WIDTH = 60


@dataclass(frozen=True)
class Report:
    """
    + host: its mail_hostname
    + time: when the look began
    """

    host: str
    time: datetime
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
