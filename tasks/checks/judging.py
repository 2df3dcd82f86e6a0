"""Verdicts on DNS records, and the findings that they become."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tasks.answers import Answer, View
from tasks.checks.finding import Finding, Severity, Status


@dataclass(frozen=True)
class Verdict:
    """
    + severity: replaces the check's own where the fault is worse or milder than usual
    + remedy: what to do, or why there is no verdict
    + seen: shown in place of the records
    """

    status: Status
    remedy: str = ""
    severity: Severity | None = None
    seen: str = ""


RIGHT = Verdict(Status.OK)
Judge = Callable[[Answer], Verdict]


def right(seen: str) -> Verdict:
    """All is well, and this is worth showing in place of the record."""
    return Verdict(Status.OK, seen=seen)


def wrong(remedy: str, severity: Severity | None = None, seen: str = "") -> Verdict:
    """It is not as it should be."""
    return Verdict(Status.FAILED, remedy, severity, seen)


def unsure(why: str) -> Verdict:
    """There is no verdict; usually something else is wrong, which another check names."""
    return Verdict(Status.UNKNOWN, seen=why)


def shown(answer: Answer) -> str:
    """Return an answer for people."""
    records = ", ".join(answer.records) or "nothing"
    return f"{records} (an alias of {answer.alias})" if answer.alias else records


_BEST_FIRST = (Status.OK, Status.UNKNOWN, Status.FAILED)


def verdict(view: View, judge: Judge) -> Verdict:
    """
    Return the verdict on a record, with what was seen filled in.

    Where authoritative servers differ, the best answer counts: dns.servers has a finding on the
    difference.
    """
    found = [(judge(answer), answer) for answer in view.answers]
    if not found:
        return Verdict(Status.UNKNOWN, seen=view.error)
    best, answer = min(found, key=lambda pair: _BEST_FIRST.index(pair[0].status))
    return Verdict(best.status, best.remedy, best.severity, best.seen or shown(answer))


def finding(check: str, subject: object, severity: Severity, wanted: str, said: Verdict) -> Finding:
    """Return a verdict as the finding of a check."""
    remedy = said.remedy if said.status == Status.FAILED else ""
    return Finding(
        check, str(subject), said.severity or severity, said.status, said.seen, wanted, remedy
    )


def plain(
    check: str, subject: str, severity: Severity, failed: bool, seen: str, wanted: str, remedy: str
) -> Finding:
    """Return the finding of a check that could look."""
    status = Status.FAILED if failed else Status.OK
    return Finding(check, subject, severity, status, seen, wanted, remedy if failed else "")


def unknown(check: str, subject: str, severity: Severity, why: str, wanted: str) -> Finding:
    """Return the finding of a check that could not look."""
    return Finding(check, subject, severity, Status.UNKNOWN, why, wanted)


def combined(
    check: str,
    subject: str,
    severity: Severity,
    said: Sequence[tuple[str, str, Verdict]],
    remedy: str,
) -> Finding:
    """
    Return one finding for several records of one purpose.

    + said: (name and type, wanted content, verdict) of each
    """
    failed = [each for each in said if each[2].status == Status.FAILED]
    unseen = [each for each in said if each[2].status == Status.UNKNOWN]
    wanted = "; ".join(f"{what} {content}" for what, content, _ in failed or said)
    if failed:
        seen = "; ".join(f"{what}: {each.seen}" for what, _, each in failed)
        return plain(check, subject, severity, True, seen, wanted, remedy)
    if unseen:
        reasons = "; ".join(unrepeated(each.seen for _, _, each in unseen))
        return unknown(check, subject, severity, reasons, wanted)
    count = f"{len(said)} records" if len(said) > 1 else said[0][2].seen
    return plain(check, subject, severity, False, count, wanted, "")


def unrepeated(words: Iterable[str]) -> list[str]:
    """Return each word once, in the order of its first appearance."""
    return list(dict.fromkeys(words))
