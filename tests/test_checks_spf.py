"""tasks/checks/spf.py: SPF as a receiver evaluates it."""

from __future__ import annotations

import pytest

from tasks.checks import spf
from tasks.checks.lookups import Answer

TABLE = {
    ("example.org", "MX"): ("10 mail.example.org.", "20 backup.example.net."),
    ("mail.example.org", "A"): ("192.0.2.25",),
    ("mail.example.org", "AAAA"): ("2001:db8::25",),
    ("backup.example.net", "A"): ("198.51.100.7",),
    ("inner.example.net", "TXT"): ("v=spf1 ip4:203.0.113.0/24 -all", "other text"),
    ("outer.example.net", "TXT"): ("v=spf1 include:inner.example.net ?all",),
    ("loop.example.net", "TXT"): ("v=spf1 include:loop.example.net ~all",),
    ("two.example.net", "TXT"): ("v=spf1 -all", "v=spf1 ~all"),
}


class Told:
    def ask(self, name: str, type: str) -> Answer:
        if name == "silent.example.net":
            return Answer(error="does not answer")
        return Answer(TABLE.get((name, type), ()))


def evaluated(record: str, address: str = "192.0.2.25") -> spf.Evaluation:
    return spf.evaluate(record, "example.org", address, Told())


@pytest.mark.parametrize(
    ("record", "address", "result"),
    [
        ("v=spf1 mx -all", "192.0.2.25", "pass"),
        ("v=spf1 mx -all", "2001:db8::25", "pass"),
        ("v=spf1 mx -all", "198.51.100.7", "pass"),
        ("v=spf1 mx -all", "198.51.100.8", "fail"),
        ("v=spf1 mx/24 -all", "198.51.100.8", "pass"),
        ("v=spf1 a:mail.example.org/24//64 -all", "192.0.2.99", "pass"),
        ("v=spf1 a:mail.example.org//64 -all", "2001:db8::99", "pass"),
        ("v=spf1 a:mail.example.org//64 -all", "192.0.2.99", "fail"),
        ("v=spf1 a ~all", "192.0.2.25", "softfail"),
        ("v=spf1 ip4:192.0.2.0/24 -all", "192.0.2.25", "pass"),
        ("v=spf1 ip6:2001:db8::/32 -all", "2001:db8::25", "pass"),
        ("v=spf1 -ip4:192.0.2.25 +all", "192.0.2.25", "fail"),
        ("v=spf1 include:outer.example.net -all", "203.0.113.9", "pass"),
        ("v=spf1 include:outer.example.net -all", "192.0.2.25", "fail"),
        ("v=spf1 redirect=inner.example.net", "203.0.113.9", "pass"),
        ("v=spf1 redirect=inner.example.net", "192.0.2.25", "fail"),
        ("v=spf1", "192.0.2.25", "neutral"),
        ("v=spf1 ?all", "192.0.2.25", "neutral"),
    ],
)
def test_results(record: str, address: str, result: str) -> None:
    evaluation = evaluated(record, address)
    assert evaluation.result == result
    assert evaluation.errors == evaluation.unanswered == []


@pytest.mark.parametrize(
    ("record", "lookups"),
    [
        ("v=spf1 ip4:192.0.2.25 -all", 0),
        ("v=spf1 a mx ~all", 2),
        ("v=spf1 include:outer.example.net exists:x.example.net ptr ~all", 4),
        ("v=spf1 ip4:192.0.2.25 a ~all", 1),  # what comes after the match counts for the others
        ("v=spf1 redirect=inner.example.net", 1),
    ],
)
def test_look_ups_are_counted_through_all_includes(record: str, lookups: int) -> None:
    assert evaluated(record).lookups == lookups


def test_a_loop_ends() -> None:
    assert evaluated("v=spf1 include:loop.example.net ~all").lookups > spf.LIMIT


@pytest.mark.parametrize(
    ("record", "error"),
    [
        ("v=spf1 include:two.example.net ~all", "include:two.example.net: 2 SPF records there"),
        ("v=spf1 include:no.example.net ~all", "include:no.example.net: no SPF records there"),
        ("v=spf1 ipv4:192.0.2.25 ~all", "ipv4:192.0.2.25 is no term of SPF"),
        ("v=spf1 ip4:mail.example.org ~all", "ip4:mail.example.org is no network"),
        ("v=spf1 a:mail.example.org/99 ~all", "a:mail.example.org/99 has a length that is none"),
        ("v=spf1 ip4:192.0.2.25, ~all", "ip4:192.0.2.25, is no network"),
    ],
)
def test_permanent_errors(record: str, error: str) -> None:
    assert evaluated(record).errors == [error]


def test_an_include_that_does_not_answer() -> None:
    assert evaluated("v=spf1 include:silent.example.net ~all").unanswered == ["does not answer"]


def test_which_records_are_spf() -> None:
    texts = ("v=spf1 -all", "V=SPF1", "v=spf10 -all", "other")
    assert spf.records(texts) == ["v=spf1 -all", "V=SPF1"]


@pytest.mark.parametrize(
    ("record", "end"),
    [("v=spf1 all", "+"), ("v=spf1 +all", "+"), ("v=spf1 ~all", "~"), ("v=spf1", "")],
)
def test_how_a_record_ends(record: str, end: str) -> None:
    assert spf.ends_with(record) == end
