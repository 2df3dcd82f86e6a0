"""One host's drift as a table to read and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from tasks.drifts.row import Row

#: Widest that a column of the table gets; JSON has the whole text.
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
    return {
        "host": report.host,
        "time": report.time.isoformat(timespec="seconds"),
        "drift": [
            {**asdict(row), "since": row.since and row.since.isoformat(timespec="seconds")}
            for row in report.rows
        ],
    }


def as_table(report: Report) -> str:
    """Return the report for a terminal or a mail of cron's."""
    lines = [f"{report.host}, {report.time:%Y-%m-%d %H:%M} UTC: {report.headline()}"]
    if report.rows:
        table = [("what", "wanted", "found", "since (UTC)")]
        for row in report.rows:
            since = f"{row.since:%Y-%m-%d %H:%M}" if row.since else "-"
            table.append((_cell(row.what), _cell(row.wanted), _cell(row.found), since))
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines.append("")
        for cells in table:
            padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
            lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def _cell(text: str) -> str:
    shown = "".join(each if each.isprintable() else "?" for each in text)
    return shown if len(shown) <= WIDTH else f"{shown[: WIDTH - 1]}…"
