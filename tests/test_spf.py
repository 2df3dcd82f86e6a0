"""tasks/spf: SPF as a receiver evaluates it, and as `make check` reads the whole of it."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from tasks.answers import Address, Answer
from tasks.spf.evaluation import LIMIT, Evaluation, check_host, evaluate
from tasks.spf.record import ends_with, spf_records

TABLE = {
    ("example.org", "MX"): ("10 mail.example.org.", "20 backup.example.net."),
    ("mail.example.org", "A"): ("192.0.2.25",),
    ("mail.example.org", "AAAA"): ("2001:db8::25",),
    ("backup.example.net", "A"): ("198.51.100.7",),
    ("inner.example.net", "TXT"): ("v=spf1 ip4:203.0.113.0/24 -all", "other text"),
    ("outer.example.net", "TXT"): ("v=spf1 include:inner.example.net ?all",),
    ("loop.example.net", "TXT"): ("v=spf1 include:loop.example.net ~all",),
    ("two.example.net", "TXT"): ("v=spf1 -all", "v=spf1 ~all"),
    ("25.2.0.192.in-addr.arpa", "PTR"): ("mail.example.org.", "forged.example.net."),
    ("25.2.0.192.in-addr.example.net", "A"): ("127.0.0.2",),
    ("jo.alice.example.org", "A"): ("127.0.0.2",),
    ("mail.example.org.example.net", "A"): ("127.0.0.2",),
    ("many.example.net", "MX"): tuple(f"{each} mail.example.org." for each in range(11)),
}


class Told:
    def ask(self, name: str, kind: str) -> Answer:
        if name == "silent.example.net":
            return Answer(error="does not answer")
        return Answer(TABLE.get((name, kind), ()))


def evaluated(record: str, address: str = "192.0.2.25") -> Evaluation:
    return evaluate(record, "example.org", address, Told().ask)


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
        ("v=spf1 ip4:192.0.2.25 a ~all", 1),  # terms after the match count: other senders need them
        ("v=spf1 redirect=inner.example.net", 1),
    ],
)
def test_look_ups_are_counted_through_all_includes(record: str, lookups: int) -> None:
    assert evaluated(record).lookups == lookups


def test_a_loop_ends() -> None:
    assert evaluated("v=spf1 include:loop.example.net ~all").lookups > LIMIT


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


def received(record: str, address: str = "192.0.2.25", sender: str = "alice-jo@example.com") -> str:
    """Return a receiver's result if example.com publishes this record."""

    class Published(Told):
        def ask(self, name: str, kind: str) -> Answer:
            here = (name, kind) == ("example.com", "TXT")
            return Answer((record,)) if here else super().ask(name, kind)

    host: Address = ip_address(address)
    return check_host(host, sender, "mail.example.org", Published().ask)


@pytest.mark.parametrize(
    ("record", "result"),
    [
        ("v=spf1 exists:%{ir}.%{v}.example.net -all", "pass"),  # RFC 7208, 7: macros
        ("v=spf1 exists:%{i}.%{v}.example.net -all", "fail"),
        ("v=spf1 exists:%{l1r-}.%{lr-1}.example.org -all", "permerror"),
        ("v=spf1 exists:%{lr-}.example.org -all", "pass"),
        ("v=spf1 exists:%{l-}.example.org -all", "fail"),
        ("v=spf1 exists:%{l1-}.%{l1r-}.example.org -all", "pass"),
        ("v=spf1 exists:%{h}.example.net -all", "pass"),
        ("v=spf1 exists:%{p}.example.net -all", "pass"),
        ("v=spf1 exists:%{c}.example.net -all", "permerror"),
        ("v=spf1 ptr:example.org -all", "pass"),
        ("v=spf1 ptr:example.net -all", "fail"),  # the name does not lead back
        ("v=spf1 mx:many.example.net -all", "permerror"),  # 4.6.4: ten names of an MX answer
        ("v=spf1 a:x.test a:y.test ip4:192.0.2.25 -all", "pass"),
        ("v=spf1 a:x.test a:y.test a:z.test ip4:192.0.2.25 -all", "permerror"),  # void look-ups
        ("v=spf1 ip4:192.0.2.25 a:x.test/99 -all", "permerror"),  # 4.6: syntax comes first
        ("v=spf1 ip4:192.0.2.25 include:loop.example.net", "pass"),  # never reached
        ("v=spf1 include:loop.example.net", "permerror"),
        ("v=spf1 include:silent.example.net ip4:192.0.2.25", "temperror"),
        ("v=spf1 redirect=no.example.net", "permerror"),
        ("v=spf1 redirect=inner.example.net redirect=inner.example.net", "permerror"),
        ("v=spf1 unknown=%{x} -all", "permerror"),
        ("v=spf1 unknown=1 -all", "fail"),
        ("no SPF", "none"),
    ],
)
def test_a_receivers_result(record: str, result: str) -> None:
    assert received(record) == result


def test_an_ipv4_address_in_ipv6_form_is_one_of_ipv4() -> None:
    assert received("v=spf1 ip4:192.0.2.25 -all", "::ffff:192.0.2.25") == "pass"


def test_without_a_sender_the_helo_name_is_asked_about() -> None:
    assert received("v=spf1 -all", sender="") == "none"  # mail.example.org has no record


def test_which_records_are_spf() -> None:
    texts = ("v=spf1 -all", "V=SPF1", "v=spf10 -all", "other")
    assert spf_records(texts) == ["v=spf1 -all", "V=SPF1"]


@pytest.mark.parametrize(
    ("record", "end"),
    [("v=spf1 all", "+"), ("v=spf1 +all", "+"), ("v=spf1 ~all", "~"), ("v=spf1", "")],
)
def test_how_a_record_ends(record: str, end: str) -> None:
    assert ends_with(record) == end
