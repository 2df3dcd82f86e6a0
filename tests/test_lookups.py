"""tasks/lookups.py and tasks/checks/servers.py, with real name servers on this machine."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tasks.answers import Answer
from tasks.checks import servers
from tasks.checks.finding import Severity, Status
from tasks.checks.judging import RIGHT, verdict, wrong
from tasks.lookups import Lookups
from tests.dns_server import serving, silent
from tests.inventory import settings

FIRST, SECOND = "127.0.0.1", "127.0.0.2"
RESOLVER = {
    ("example.org", "NS"): ["ns1.example.net.", "ns2.example.net."],
    ("ns1.example.net", "A"): [FIRST],
    ("ns2.example.net", "A"): [SECOND],
    ("example.org", "SOA"): ["ns1.example.net. root.example.org. 1 1 1 1 1"],
    ("example.org", "MX"): ["10 Mail.example.org."],
    ("long.example.org", "TXT"): ['"one" " two"'],
    ("alias.example.org", "CNAME"): ["mail.example.org."],
    ("mail.example.org", "A"): ["192.0.2.25"],
    ("refused.example.org", "A"): ["REFUSED"],
}


def test_what_a_resolver_says() -> None:
    with serving(RESOLVER) as port:
        lookups = Lookups([FIRST], 10, port)
        assert lookups.ask("example.org", "MX") == Answer(("10 mail.example.org.",))
        assert lookups.ask("long.example.org", "TXT") == Answer(("one two",))
        assert lookups.ask("alias.example.org", "A") == Answer(("192.0.2.25",), "mail.example.org")
        assert lookups.ask("nothing.example.org", "A") == Answer()
        assert "REFUSED" in lookups.ask("refused.example.org", "A").error
        assert lookups.addresses("mail.example.org") == {"192.0.2.25"}


def test_a_silent_resolver_is_left_for_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.lookups.SECONDS", 0.05)
    with serving(RESOLVER) as port:
        lookups = Lookups([SECOND, FIRST], 10, port)
        assert lookups.ask("mail.example.org", "A").records == ("192.0.2.25",)


def test_a_dead_resolver_costs_its_time_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.lookups.SECONDS", 0.1)
    names = [f"{number}.example.org" for number in range(40)]
    with silent() as port, ThreadPoolExecutor(8) as threads:
        lookups = Lookups([FIRST], 10, port)
        began = time.monotonic()
        answers = list(threads.map(lambda name: lookups.everywhere(name, "A"), names))
        taken = time.monotonic() - began
    assert {view.error for view in answers} == {"the resolver 127.0.0.1 does not answer"}
    assert all(view.answers == () for view in answers)
    assert taken < 40 * 2 * 0.1 / 8  # an eighth of what waiting in turn takes


def test_after_the_deadline_nobody_is_asked() -> None:
    with silent() as port:
        began = time.monotonic()
        assert Lookups([FIRST], 0, port).ask("example.org", "A").error
        assert time.monotonic() - began < 1


def test_a_question_has_a_limit_of_its_own_of_which_each_resolver_has_its_share() -> None:
    with serving(RESOLVER, SECOND) as port, silent(FIRST, port):
        began = time.monotonic()
        asked = Lookups([FIRST, SECOND], port=port, question_seconds=1)
        assert asked.ask("mail.example.org", "A").records == ("192.0.2.25",)
        assert time.monotonic() - began < 0.9
    with silent() as port:
        began = time.monotonic()
        answer = Lookups([FIRST], port=port, question_seconds=0.2).ask("example.org", "A")
        assert answer.silent
        assert time.monotonic() - began < 1


def test_what_is_no_name_has_no_records() -> None:
    with silent() as port:
        for name in ("a..example.org", f"{'x' * 64}.example.org", "x." * 127 + "example.org"):
            assert Lookups([FIRST], 10, port).ask(name, "A") == Answer()


def test_every_authoritative_server_is_asked() -> None:
    stale = {**RESOLVER, ("example.org", "MX"): ["10 old.example.org."]}
    with serving(RESOLVER) as port, serving(stale, SECOND, port):
        lookups = Lookups([FIRST], 10, port)
        view = lookups.everywhere("example.org", "MX")
    assert {server.name: answer.records for server, answer in view.at.items()} == {
        "ns1.example.net": ("10 mail.example.org.",),
        "ns2.example.net": ("10 old.example.org.",),
    }
    said = verdict(
        view, lambda answer: RIGHT if "mail" in answer.records[0] else wrong("publish it")
    )
    assert said.status == Status.OK  # another finding, dns.servers, says that they differ:
    found = servers.authoritative(view.zone, [view])
    assert (found.id, found.status, found.severity) == (
        "dns.servers",
        Status.FAILED,
        Severity.REQUIRED,
    )
    assert "example.org MX at ns2.example.net (127.0.0.2): 10 old.example.org." in found.seen


def test_servers_that_are_lame_or_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.lookups.SECONDS", 0.05)
    with serving(RESOLVER) as port:
        lookups = Lookups([FIRST], 10, port)
        view = lookups.everywhere("mail.example.org", "A")
        found = servers.authoritative(view.zone, [view])
    assert (found.status, found.severity) == (Status.FAILED, Severity.RECOMMENDED)
    assert found.seen == "ns2.example.net (127.0.0.2) does not answer"

    with serving(RESOLVER) as port, serving(RESOLVER, SECOND, port, authoritative=False):
        zone = Lookups([FIRST], 10, port).zone("example.org")
    assert zone.problems == ("ns2.example.net (127.0.0.2) does not know the zone",)


def test_without_any_authoritative_server_the_resolver_is_believed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tasks.lookups.SECONDS", 0.05)
    table = {**RESOLVER, ("ns1.example.net", "A"): ["127.0.0.3"]}
    with serving(table) as port:
        view = Lookups([FIRST], 10, port).everywhere("mail.example.org", "A")
    assert view.answers == (Answer(("192.0.2.25",)),)
    assert servers.authoritative(view.zone, [view]).status == Status.UNKNOWN


def test_a_domain_without_a_zone_is_one_finding() -> None:
    with serving({}) as port:
        lookups = Lookups([FIRST], 10, port)
        view = lookups.everywhere("mail.example.org", "A")
        assert (view.answers, view.error) == ((), "its domain has no name servers")
        found = servers.findings(settings(mail_domains=["example.org"]), lookups)
    assert [(each.id, each.subject) for each in found if each.status == Status.FAILED] == [
        ("dns.servers", "example.org")
    ]


def test_a_resolver_with_an_old_answer() -> None:
    old = {**RESOLVER, ("mail.example.org", "A"): ["192.0.2.99"]}
    at = {key: value for key, value in RESOLVER.items() if key != ("ns1.example.net", "A")}
    with serving({**old, ("ns1.example.net", "A"): [SECOND]}) as port, serving(at, SECOND, port):
        lookups = Lookups([FIRST], 10, port)
        view = lookups.everywhere("mail.example.org", "A")
        found = servers.resolver([FIRST], [view])
    assert view.answers == (Answer(("192.0.2.25",)),)
    assert (found.status, found.severity) == (Status.FAILED, Severity.INFO)
    assert "192.0.2.99" in found.seen
