"""One part of a score: what was found, and the points that it costs."""

from collections.abc import Iterable
from dataclasses import dataclass

from tasks.checks.finding import Finding, Severity, Status

FULL = 10.0
NO_ADDRESS = "whose address others see is not known: mail_ipv4 is not set, or a smarthost sends"


class ScoreError(Exception):
    """There is no score; the text says why, in one sentence for a person."""


@dataclass(frozen=True)
class Part:
    """What a finding costs."""

    name: str  # what a person calls it
    finding: Finding
    lost: float = 0.0  # points


@dataclass(frozen=True)
class Aspect:
    """What a part looks at: all of it that does not depend on what is found."""

    id: str
    name: str
    wanted: str
    lost: float = 0.0  # points, where it is bad

    def _part(self, status: Status, subject: str, seen: str, remedy: str = "") -> Part:
        severity, lost = Severity.RECOMMENDED, self.lost if status is Status.FAILED else 0.0
        finding = Finding(self.id, subject, severity, status, seen, self.wanted, remedy)
        return Part(self.name, finding, lost)

    def good(self, subject: str, seen: str) -> Part:
        """Return the part where all is well."""
        return self._part(Status.OK, subject, seen)

    def bad(self, subject: str, seen: str, remedy: str) -> Part:
        """Return the part where points are lost."""
        return self._part(Status.FAILED, subject, seen, remedy)

    def unknown(self, subject: str, seen: str, remedy: str = "") -> Part:
        """Return the part that nobody could look at: it costs no points."""
        return self._part(Status.UNKNOWN, subject, seen, remedy)


def points(parts: Iterable[Part]) -> float:
    """Return the full score less the lost points, rounded to tenths, at least 0."""
    return max(0.0, round(FULL - sum(part.lost for part in parts), 1))


def report(hostname: str, parts: Iterable[Part]) -> str:
    """Return the score as a person reads it: the points, then each part and where they went."""
    parts = list(parts)
    unknown = [part.name for part in parts if part.finding.status is Status.UNKNOWN]
    title = f"{hostname}: {'at most ' if unknown else ''}{points(parts):g}/{FULL:g}"
    if unknown:
        title += f" (not looked at: {', '.join(unknown)})"
    width = max(len(part.name) for part in parts)
    lines = [title]
    for part in parts:
        lost = f"-{part.lost:.1f}" if part.lost else "0"
        if part.finding.status is Status.UNKNOWN:
            lost = "?"
        lines.append(f"  {part.name:<{width}}  {lost:>4}  {part.finding.seen}")
        if part.finding.remedy:
            lines.append(f"  {'':<{width}}        -> {part.finding.remedy}")
    return "\n".join(lines)
