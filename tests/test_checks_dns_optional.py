"""tasks/checks: SRV, CAA, TLS reports, and the records of a domain without mail."""

from __future__ import annotations

import pytest

from tasks.checks import dns, policies
from tasks.checks.finding import Status
from tests.dns_answers import Table, Told, table_of
from tests.inventory import settings
from wanted.dns import Record

SETTINGS = settings()


def several(*wanted: tuple[str, str, str]) -> list[Record]:
    return [Record(name, type, content, "a reason") for name, type, content in wanted]


SRV = several(
    ("_imaps._tcp.example.org", "SRV", "0 1 993 mail.example.org."),
    ("_submissions._tcp.example.org", "SRV", "0 1 465 mail.example.org."),
)
CAA = several(
    ("mail.example.org", "CAA", '0 issue "letsencrypt.org"'),
    ("mail.example.org", "CAA", '0 issuewild ";"'),
)
NULL = several(
    ("example.net", "MX", "0 ."),
    ("example.net", "TXT", "v=spf1 -all"),
    ("_dmarc.example.net", "TXT", "v=DMARC1; p=reject"),
)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, Status.OK),
        ({("_imaps._tcp.example.org", "SRV"): ["7 7 993 mail.example.org."]}, Status.OK),
        ({("_imaps._tcp.example.org", "SRV"): ["0 1 993 imap.example.org."]}, Status.FAILED),
        ({("_imaps._tcp.example.org", "SRV"): []}, Status.FAILED),
    ],
)
def test_srv(changes: Table, status: Status) -> None:
    (finding,) = dns.services("example.org", SRV, Told({**table_of(SRV), **changes}))
    assert (finding.id, finding.status) == ("dns.srv", status)
    assert dns.services("second.org", SRV, Told({})) == []


@pytest.mark.parametrize(
    ("published", "status"),
    [
        (['0 issue "LetsEncrypt.org"', '0 issuewild ";"'], Status.OK),
        (['0 issue "letsencrypt.org"', '0 issue "other.net"', '0 issuewild ";"'], Status.FAILED),
        ([], Status.FAILED),
    ],
)
def test_caa(published: list[str], status: Status) -> None:
    (finding,) = dns.authorities(SETTINGS, CAA, Told({("mail.example.org", "CAA"): published}))
    assert (finding.id, finding.status, finding.subject) == ("dns.caa", status, "CAA")
    assert dns.authorities(SETTINGS, [], Told({})) == []


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({("example.net", "TXT"): ["v=spf1 -all", "verification=1"]}, Status.OK),
        ({("example.net", "MX"): ["10 mail.example.org."]}, Status.FAILED),
        ({("_dmarc.example.net", "TXT"): []}, Status.FAILED),
    ],
)
def test_a_domain_without_mail(changes: Table, status: Status) -> None:
    (finding,) = dns.null_domain("example.net", NULL, Told({**table_of(NULL), **changes}))
    assert (finding.id, finding.status) == ("dns.null", status)


@pytest.mark.parametrize(
    ("published", "status"),
    [
        (["v=TLSRPTv1; rua=mailto:other@example.org"], Status.OK),
        (["v=TLSRPTv1"], Status.FAILED),
        ([], Status.FAILED),
    ],
)
def test_tls_reports(published: list[str], status: Status) -> None:
    name = "_smtp._tls.example.org"
    wanted = several((name, "TXT", "v=TLSRPTv1; rua=mailto:postmaster@example.org"))
    (finding,) = policies.tls_reports("example.org", wanted, Told({(name, "TXT"): published}))
    assert (finding.id, finding.status) == ("dns.tlsrpt", status)
    assert policies.tls_reports("second.org", wanted, Told({})) == []
