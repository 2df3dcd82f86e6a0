"""Checks of the TLSA records (DANE, RFC 7672) by the keys that the ports show."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from facts.tls import key_digest
from settings.models import Settings
from tasks.answers import Answer
from tasks.checks.finding import Finding, Severity
from tasks.checks.judging import RIGHT, Verdict, combined, plain, unsure, wrong
from tasks.checks.tls import Served
from tasks.lookups import Lookups
from wanted.dns import DANE_PORTS


def findings(settings: Settings, served: Mapping[int, Served], lookups: Lookups) -> list[Finding]:
    """dns.tlsa: where a port has TLSA records, one of them is of the key that it shows."""
    check, subject, severity = "dns.tlsa", f"{settings.mail_hostname} TLSA", Severity.REQUIRED
    found = []
    for port in DANE_PORTS:
        view = lookups.everywhere(f"_{port}._tcp.{settings.mail_hostname}", "TLSA")
        if view.answers and not any(answer.records for answer in view.answers):
            continue
        certificate = served[port].certificate if port in served else None
        ours = f"3 1 1 {key_digest(certificate)}" if certificate else ""
        found.append((view, ours, partial(_judge, ours)))
    if not found:
        wanted = "none, or the key that is shown"
        return [plain(check, subject, severity, False, "none", wanted, "")]
    remedy = "publish what `make dns` prints, or none: by a wrong one others keep their mail"
    return combined(check, subject, severity, found, remedy)


def _judge(ours: str, answer: Answer) -> Verdict:
    if ours in answer.records:
        return RIGHT
    if not ours or any(not each.startswith("3 1 1 ") for each in answer.records):
        return unsure("TLSA records that nothing here can be compared with")
    return wrong("publish the key that is shown")
