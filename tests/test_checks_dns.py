"""tasks/checks/dns.py and policies.py: each broken record gives exactly one finding."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from settings.models import Settings
from tasks.checks import dns
from tasks.checks.finding import Finding, Severity, Status
from tests.dns_answers import Table, Told, table_of
from tests.inventory import settings
from wanted.dns import records

ADDRESS, ADDRESS6 = "192.0.2.25", "2001:db8::25"
KEYS = {"example.org": "MIIBkey1", "second.org": "MIIBkey2"}
SETTINGS = settings(
    mail_ipv4=ADDRESS,
    mail_ipv6=ADDRESS6,
    mail_client_names=["imap", "smtp"],
    mail_web=True,
    mail_mta_sts="testing",
)
POINTER = "25.2.0.192.in-addr.arpa"
DKIM = "default._domainkey.example.org"


def healthy(host_settings: Settings = SETTINGS) -> Table:
    """Return the records of a host whose DNS is right."""
    return table_of(records(host_settings, KEYS))


def judged(table: Table, host_settings: Settings = SETTINGS) -> list[Finding]:
    """Return the findings of every DNS check."""
    told = Told(table)
    checks = [*dns.checks(host_settings, told), *dns.key_checks(host_settings, KEYS, told)]
    return [finding for check in checks for finding in check()]


def ids(findings: Sequence[Finding], status: Status = Status.FAILED) -> set[str]:
    return {finding.id for finding in findings if finding.status == status}


def test_what_we_publish_ourselves_is_right() -> None:
    findings = judged(healthy())
    assert {finding.status for finding in findings} == {Status.OK}
    assert all(finding.remedy == "" for finding in findings)
    assert {
        "dns.a",
        "dns.client_names",
        "dns.dkim",
        "dns.dmarc",
        "dns.dmarc_alignment",
        "dns.helo_spf",
        "dns.mx",
        "dns.mx_cname",
        "dns.ptr",
        "dns.spf",
        "dns.spf_all",
        "dns.spf_lookups",
    } <= ids(findings, Status.OK)


INCLUDES = " ".join(f"include:{number}.example.net" for number in range(11))
REQUIRED, RECOMMENDED = Severity.REQUIRED, Severity.RECOMMENDED
BROKEN: list[tuple[str, Severity, Table]] = [
    ("dns.a", REQUIRED, {("mail.example.org", "A"): ["198.51.100.1"]}),
    ("dns.a", REQUIRED, {("mail.example.org", "A"): []}),
    ("dns.a", REQUIRED, {("mail.example.org", "AAAA"): ["2001:db8::1"]}),
    ("dns.a", RECOMMENDED, {("mail.example.org", "A"): [ADDRESS, "198.51.100.1"]}),
    ("dns.mx", REQUIRED, {("example.org", "MX"): []}),
    ("dns.mx", REQUIRED, {("example.org", "MX"): ["10 mx.elsewhere.net."]}),
    ("dns.mx", REQUIRED, {("example.org", "MX"): ["10 192.0.2.25."]}),
    (
        "dns.mx_cname",
        RECOMMENDED,
        {("example.org", "MX"): ["10 mx.example.org."], ("mx.example.org", "CNAME"): ["x.net"]}
        | {("x.net", "A"): [ADDRESS]},
    ),
    (  # the host's own name is an alias, beside which there can be no other record
        "dns.mx_cname",
        RECOMMENDED,
        {("mail.example.org", "CNAME"): ["x.net"], ("x.net", "A"): [ADDRESS]}
        | {("x.net", "AAAA"): [ADDRESS6]},
    ),
    ("dns.spf", REQUIRED, {("example.org", "TXT"): []}),
    ("dns.spf", REQUIRED, {("example.org", "TXT"): ["v=spf1 mx ~all", "v=spf1 a -all"]}),
    ("dns.spf", REQUIRED, {("example.org", "TXT"): ["v=spf1 ip4:198.51.100.1 ~all"]}),
    ("dns.spf", REQUIRED, {("example.org", "TXT"): [f"v=spf1 ip4:{ADDRESS} -all"]}),  # no IPv6
    ("dns.spf", REQUIRED, {("example.org", "TXT"): ["v=spf1 mx include:gone.net ~all"]}),
    ("dns.spf_all", REQUIRED, {("example.org", "TXT"): ["v=spf1 mx +all"]}),
    ("dns.spf_all", REQUIRED, {("example.org", "TXT"): ["v=spf1 mx all"]}),
    ("dns.spf_all", RECOMMENDED, {("example.org", "TXT"): ["v=spf1 mx"]}),
    ("dns.spf_lookups", REQUIRED, {("example.org", "TXT"): [f"v=spf1 mx {INCLUDES} ~all"]}),
    ("dns.helo_spf", RECOMMENDED, {("mail.example.org", "TXT"): []}),
    ("dns.helo_spf", REQUIRED, {("mail.example.org", "TXT"): ["v=spf1 -all"]}),
    ("dns.dkim", REQUIRED, {(DKIM, "TXT"): []}),
    ("dns.dkim", REQUIRED, {(DKIM, "TXT"): ["v=DKIM1; h=sha256; k=rsa; p=MIIBother"]}),
    ("dns.dkim", REQUIRED, {(DKIM, "TXT"): ["v=DKIM1; p="]}),
    ("dns.dkim", REQUIRED, {(DKIM, "TXT"): ["v=DKIM1; h=sha1; p=MIIBkey1"]}),
    ("dns.dkim", REQUIRED, {(DKIM, "TXT"): ["v=DKIM1; p=MIIBkey1", "v=DKIM1; p=MIIBkey1; s=*"]}),
    ("dns.dkim", RECOMMENDED, {(DKIM, "TXT"): ["v=DKIM1; t=y; p=MIIBkey1"]}),
    ("dns.dmarc", REQUIRED, {("_dmarc.example.org", "TXT"): []}),
    ("dns.dmarc", REQUIRED, {("_dmarc.example.org", "TXT"): ["v=DMARC1; rua=mailto:a@b.org"]}),
    ("dns.dmarc", RECOMMENDED, {("_dmarc.example.org", "TXT"): ["v=DMARC1; p=none"]}),
    ("dns.ptr", REQUIRED, {(POINTER, "PTR"): []}),
    ("dns.ptr", REQUIRED, {(POINTER, "PTR"): ["vps7.provider.net."]}),
    (  # it leads back, but is not the host's name
        "dns.ptr",
        RECOMMENDED,
        {(POINTER, "PTR"): ["vps7.provider.net."], ("vps7.provider.net", "A"): [ADDRESS]},
    ),
    ("dns.client_names", RECOMMENDED, {("imap.example.org", "A"): []}),
    ("dns.web_names", RECOMMENDED, {("mta-sts.second.org", "CNAME"): []}),
    ("dns.web_names", RECOMMENDED, {("autoconfig.example.org", "CNAME"): ["www.example.org."]}),
    ("dns.mta_sts", RECOMMENDED, {("_mta-sts.example.org", "TXT"): []}),
    ("dns.mta_sts", RECOMMENDED, {("_mta-sts.example.org", "TXT"): ["v=STSv1; id=20260101;"]}),
    ("dns.mta_sts", RECOMMENDED, {("_mta-sts.example.org", "TXT"): ["v=STSv1; id=1", "v=STSv1"]}),
]


@pytest.mark.parametrize(("id", "severity", "changes"), BROKEN)
def test_what_is_broken_is_named_and_nothing_else(
    id: str, severity: Severity, changes: Table
) -> None:
    findings = judged({**healthy(), **changes})
    failed = [finding for finding in findings if finding.status == Status.FAILED]
    assert {(each.id, each.severity) for each in failed} == {(id, severity)}
    assert failed[0].remedy
    assert failed[0].seen
    assert failed[0].wanted


FINE: list[Table] = [
    {("example.org", "TXT"): [f"v=spf1 a mx ip4:{ADDRESS} ip6:{ADDRESS6} ~all"]},
    {("example.org", "TXT"): ["v=spf1 mx -all", "some-site-verification=1"]},
    {("mail.example.org", "TXT"): ["v=spf1 redirect=example.org"]},
    {("example.org", "MX"): ["10 imap.example.org.", "20 backup.example.net."]}
    | {("backup.example.net", "A"): ["198.51.100.2"]},
    {(DKIM, "TXT"): ["k=rsa; p=MIIB key1"]},
    {("_dmarc.example.org", "TXT"): ["v=DMARC1; p=quarantine; pct=100; adkim=s"]},
    {("imap.example.org", "CNAME"): ["mail.example.org"]},
]


@pytest.mark.parametrize("changes", FINE)
def test_other_records_that_do_the_same_are_right(changes: Table) -> None:
    findings = judged({**healthy(), **changes})
    assert [finding for finding in findings if finding.status != Status.OK] == []


def test_what_depends_on_a_broken_record_is_unknown() -> None:
    findings = judged({**healthy(), ("mail.example.org", "A"): ["198.51.100.1"]})
    assert ids(findings, Status.UNKNOWN) == {"dns.ptr"}
    findings = judged({**healthy(), ("example.org", "TXT"): []})
    assert ids(findings, Status.UNKNOWN) == {"dns.spf_all", "dns.spf_lookups"}
    findings = judged({**healthy(), ("_dmarc.example.org", "TXT"): []})
    assert ids(findings, Status.UNKNOWN) == {"dns.dmarc_alignment"}


def test_without_answers_nothing_is_fine_and_nothing_has_failed() -> None:
    findings = judged({key: ["?"] for key in healthy()})
    assert {finding.status for finding in findings} == {Status.UNKNOWN}
    assert {finding.remedy for finding in findings} == {""}


def test_an_include_that_nobody_answers_for() -> None:
    table = {("example.org", "TXT"): ["v=spf1 include:slow.net ~all"], ("slow.net", "TXT"): ["?"]}
    findings = judged({**healthy(), **table})
    assert ids(findings) == set()
    assert ids(findings, Status.UNKNOWN) == {"dns.spf", "dns.spf_lookups"}


def test_an_address_that_the_inventory_does_not_have() -> None:
    host_settings = settings(mail_ipv4=ADDRESS)
    published = {**healthy(host_settings), ("mail.example.org", "AAAA"): [ADDRESS6]}
    (failed,) = (each for each in judged(published, host_settings) if each.status == Status.FAILED)
    assert (failed.id, failed.severity) == ("dns.a", Severity.RECOMMENDED)
    assert failed.remedy == "remove it, or set mail_ipv6 in the inventory"
    without = settings()
    assert ids(judged(healthy(without), without), Status.UNKNOWN) == {"dns.a"}


def test_a_domain_without_a_key_of_its_own_on_the_host() -> None:
    findings = [
        finding
        for check in dns.key_checks(SETTINGS, {"example.org": "MIIBkey1"}, Told(healthy()))
        for finding in check()
    ]
    assert [(each.id, each.subject) for each in findings if each.status == Status.FAILED] == [
        ("dns.dmarc_alignment", "second.org")
    ]
    assert ids(findings, Status.UNKNOWN) == {"dns.dkim"}
