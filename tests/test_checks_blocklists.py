"""tasks/checks/blocklists.py: which answers are a listing, and which only look like one."""

from __future__ import annotations

import pytest

from tasks.answers import Answer
from tasks.checks import blocklists
from tasks.checks.finding import Severity, Status
from tasks.lookups import Lookups
from tests.dns_server import serving
from tests.inventory import settings


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        (Answer(), "clean", ""),
        (Answer(("127.0.0.2",)), "listed", "127.0.0.2"),
        (Answer(("127.0.0.11", "127.0.0.4")), "listed", "127.0.0.11, 127.0.0.4"),
        (Answer(("127.255.255.254",)), "unknown", "it refuses the query"),
        (Answer(("127.0.0.1",)), "unknown", "which is no listing"),
        (Answer(("127.0.0.12",)), "unknown", "which is no listing"),
        (Answer(("192.0.2.80",)), "unknown", "which is no listing"),  # sold to an advertiser
        (Answer(error="the resolver does not answer"), "unknown", "does not answer"),
    ],
)
def test_return_codes(answer: Answer, status: str, said: str) -> None:
    found, text = blocklists.listing(answer)
    assert found == status
    assert said in text


def test_names_that_are_asked() -> None:
    assert blocklists.question("192.0.2.25", "zen.test") == "25.2.0.192.zen.test"
    nibbles = "5.2.0.0" + ".0" * 20 + ".8.b.d.0.1.0.0.2"
    assert blocklists.question("2001:db8::25", "zen.test") == f"{nibbles}.zen.test"


def test_both_addresses_on_all_lists() -> None:
    host_settings = settings(
        mail_ipv4="192.0.2.25", mail_ipv6="2001:db8::25", mail_blocklists=["a.test", "b.test"]
    )
    table = {
        ("25.2.0.192.a.test", "A"): ["127.0.0.2", "127.0.0.9"],
        (blocklists.question("2001:db8::25", "b.test"), "A"): ["127.255.255.252"],
    }
    with serving(table) as port:
        found = blocklists.findings(host_settings, Lookups(["127.0.0.1"], 10, port))
    assert [(each.subject, each.status, each.seen) for each in found] == [
        ("192.0.2.25", Status.FAILED, "on a.test (127.0.0.2, 127.0.0.9)"),
        ("2001:db8::25", Status.OK, "not on a.test"),
        (
            "2001:db8::25",
            Status.UNKNOWN,
            "b.test: it refuses the query: ask it by a resolver of your own",
        ),
    ]
    assert {(each.id, each.severity) for each in found} == {("net.blocklist", Severity.REQUIRED)}
    assert [bool(each.remedy) for each in found] == [True, False, False]


def test_nobody_is_asked_without_lists_or_addresses() -> None:
    nobody = Lookups([], 0)
    assert blocklists.findings(settings(mail_ipv4="192.0.2.25", mail_blocklists=[]), nobody) == []
    assert blocklists.findings(settings(), nobody) == []
