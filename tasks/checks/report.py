"""The findings of one host as a table to read, as JSON, and as a page (HTML)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from tasks.checks.finding import Finding, Severity, Status
from tasks.text import cell, heading, json_heading
from wanted.rendering import render

_COLOURS = {Status.OK: 32, Status.UNKNOWN: 33, Status.FAILED: 31}
_BY_SEVERITY = list(Severity)
#: A check that is ok gets one line, which a DKIM key would not fit into.
WIDTH = 100


@dataclass(frozen=True)
class Report:
    """All findings of one host."""

    host: str  # its mail_hostname
    time: datetime  # when the checks began
    findings: Sequence[Finding]

    def of(self, status: Status) -> list[Finding]:
        """Return the findings with this status; among the failed ones the gravest come first."""
        found = [each for each in self.findings if each.status == status]
        if status == Status.FAILED:
            found.sort(key=lambda each: _BY_SEVERITY.index(each.severity))
        return found

    def summary(self) -> dict[str, int]:
        """Return how many checks ended with each status."""
        counts = {str(status): len(self.of(status)) for status in Status}
        required = len(self._failed_required())
        return {"checks": len(self.findings), **counts, "failed_required": required}

    def _failed_required(self) -> list[Finding]:
        return [one for one in self.of(Status.FAILED) if one.severity == Severity.REQUIRED]

    def failure(self) -> str:
        """Return what makes the run fail, "" for nothing."""
        ids = dict.fromkeys(finding.id for finding in self._failed_required())
        return f"required checks failed: {', '.join(ids)}" if ids else ""

    def headline(self) -> str:
        """Return the summary as a sentence."""
        counts = self.summary()
        said = f"{counts['checks']} checks: {counts['ok']} ok"
        if counts["failed"]:
            said += f", {counts['failed']} failed ({counts['failed_required']} required)"
        return f"{said}, {counts['unknown']} unknown" if counts["unknown"] else said


def as_json(report: Report) -> dict[str, Any]:
    """Return the report as what JSON can hold."""
    return {
        **json_heading(report.host, report.time),
        "summary": report.summary(),
        "findings": [asdict(finding) for finding in report.findings],
    }


def as_html(report: Report) -> str:
    """Return the report as one self-contained page."""
    unknown = _by_reason(report)
    return render("check/report.html.j2", report=report, Status=Status, unknown=unknown)


def as_table(report: Report, colour: bool) -> str:
    """Return the report for a terminal; what to mend comes last, right above the prompt."""
    lines = [heading(report.host, report.time), ""]
    for finding in report.of(Status.OK):
        lines.append(_line(Status.OK, finding.id, f"{finding.subject}: {finding.seen}", colour))
    for reason, ids in _by_reason(report):
        lines += [_line(Status.UNKNOWN, "", reason, colour), f"{'':10}{ids}"]
    for finding in reversed(report.of(Status.FAILED)):
        what = f"{finding.subject} ({finding.severity})"
        lines += [
            _line(Status.FAILED, finding.id, what, colour),
            f"{'':10}seen    {finding.seen}",
            f"{'':10}wanted  {finding.wanted}",
            f"{'':10}remedy  {finding.remedy}",
        ]
    return "\n".join([*lines, "", report.headline()])


def _line(status: Status, check: str, text: str, colour: bool) -> str:
    word = f"{status:<8}"
    if colour:
        word = f"\033[{_COLOURS[status]}m{word}\033[0m"
    what = f"{check:<20}  {text}" if check else text
    return f"{word}  {cell(what, WIDTH) if status == Status.OK else what}"


def _by_reason(report: Report) -> list[tuple[str, str]]:
    """Return (reason, ids) of what is unknown: one silent resolver is one line, not thirty."""
    ids: dict[str, dict[str, None]] = {}
    for finding in report.of(Status.UNKNOWN):
        ids.setdefault(finding.seen, {})[finding.id] = None
    return [(reason, ", ".join(each)) for reason, each in ids.items()]
