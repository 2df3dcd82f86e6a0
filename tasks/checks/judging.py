"""Verdicts on DNS records, and the findings that they become."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tasks.answers import Answer, View
from tasks.checks.finding import Finding, Severity, Status


@dataclass(frozen=True)
class Verdict:
    """How one answer of DNS is judged."""

    status: Status
    remedy: str = ""
    severity: Severity | None = None  # in place of the check's: a worse or milder fault than usual
    seen: str = ""  # shown in place of the records; where there is no verdict, why


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
    """Return the verdict on a record, with what was seen filled in."""
    found = [(judge(answer), answer) for answer in view.answers]
    if not found:
        return unsure(view.error)
    # Where servers differ, the best answer counts: dns.servers has a finding on the difference.
    best, answer = min(found, key=lambda pair: _BEST_FIRST.index(pair[0].status))
    return replace(best, seen=best.seen or shown(answer))


def judged(
    check: str, severity: Severity, wanted: str, view: View, judge: Judge, subject: str = ""
) -> list[Finding]:
    """Return the finding on one record; its name and type are the subject if none is given."""
    said = verdict(view, judge)
    remedy = said.remedy if said.status == Status.FAILED else ""
    severity, subject = said.severity or severity, subject or str(view)
    return [Finding(check, subject, severity, said.status, said.seen, wanted, remedy)]


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
    records: Sequence[tuple[View, str, Judge]],
    remedy: str,
) -> list[Finding]:
    """Return one finding for several records, each with its wanted content; [] for no records."""
    if not records:
        return []
    said = [(view, content, verdict(view, judge)) for view, content, judge in records]
    failed = [each for each in said if each[2].status == Status.FAILED]
    unseen = dict.fromkeys(each.seen for _, _, each in said if each.status == Status.UNKNOWN)
    wanted = "; ".join(f"{what} {content}" for what, content, _ in failed or said)
    if failed:
        seen = "; ".join(f"{what}: {each.seen}" for what, _, each in failed)
    elif unseen:
        return [unknown(check, subject, severity, "; ".join(unseen), wanted)]
    else:
        seen = f"{len(said)} records" if len(said) > 1 else said[0][2].seen
    return [plain(check, subject, severity, bool(failed), seen, wanted, remedy)]
