"""tasks/scoring: the message as sent and as received, SpamAssassin's rules, the printed score."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest

from tasks.checks.finding import Status
from tasks.reach import places, published_ports
from tasks.scoring import authentication, message, names, spamassassin
from tasks.scoring.message import Received
from tasks.scoring.part import points, report
from tests.scoring import ADDRESS, DOMAIN, FIXTURES, HOST, SENDING, captured, replaced, sent, zone

# ---- the message ---------------------------------------------------------------------------------


@pytest.mark.parametrize("release", [12, 13])
def test_a_dump_is_read_as_the_message_that_left_the_host(release: int) -> None:
    received = captured(release)
    assert (received.helo, received.mail_from) == (HOST, f"mailhost-probe@{DOMAIN}")
    assert received.raw.startswith(b"DKIM-Signature: v=1;")
    assert b"smtp-sink" not in received.raw
    assert received.raw.count(b"\n") == received.raw.count(b"\r\n")
    assert (received.sender_domain, received.from_domain) == (DOMAIN, DOMAIN)


def test_what_is_no_dump_is_an_error() -> None:
    with pytest.raises(ValueError, match="no dump"):
        message.parse_dump(b"Received: from x\n\nHello\n")


@pytest.mark.parametrize("release", [12, 13])
def test_the_captured_message_is_well_formed(release: int) -> None:
    received = captured(release)
    assert message.part(received, sent(received)).lost == 0


def test_a_composed_message_is_found_by_its_end() -> None:
    mail = message.compose("a@example.org", "b@probe.invalid", "token1")
    assert mail.as_bytes().rstrip().endswith(message.end_mark("token1").encode())
    assert "token1" in mail["Message-ID"]
    received = Received(HOST, "a@example.org", mail.as_bytes())
    assert message.part(received, datetime.now(UTC)).lost == 0


@pytest.mark.parametrize(
    ("old", "new", "seen"),
    [
        (b"\r\nDate: ", b"\r\nX-Date: ", "0 fields Date instead of one"),
        (b"\r\nDate: Tue, 24 Nov 2026", b"\r\nDate: soon", "Date is no date"),
        (b"\r\nMessage-ID: <", b"\r\nMessage-ID: ", "Message-ID is none"),
        (b"\r\nSubject: ", b"\r\nSubject: a\r\nSubject: ", "2 fields Subject instead of one"),
        (b"multipart/alternative", b"text/plain", "the MIME parts came as text/plain"),
        (b"Hello Robin", b"x" * 999, "longer than 998"),
    ],
)
def test_what_is_malformed_is_named(old: bytes, new: bytes, seen: str) -> None:
    received = replaced(old, new)
    part = message.part(received, sent(captured()))
    assert part.lost == message.ASPECT.lost
    assert seen in part.finding.seen


def test_a_clock_that_is_off_is_named() -> None:
    part = message.part(captured(), sent(captured()) + timedelta(hours=2))
    assert "Date is 2:00:0" in part.finding.seen


@pytest.mark.parametrize(
    ("address", "pointer", "client"),
    [
        ("192.0.2.25", HOST, f"({HOST} [192.0.2.25])"),
        ("192.0.2.25", None, "(unknown [192.0.2.25])"),
        ("2001:db8::25", HOST, f"({HOST} [IPv6:2001:db8::25])"),
    ],
)
def test_the_receiving_servers_field_comes_first(
    address: str, pointer: str | None, client: str
) -> None:
    received = captured()
    raw = received.from_client(ip_address(address), pointer, datetime.now(UTC))
    assert raw.startswith(f"Received: from {HOST} {client}\r\n\tby ".encode())
    assert raw.endswith(b"\r\n" + received.raw)


# ---- SpamAssassin --------------------------------------------------------------------------------


def test_spamassassins_points_are_lost() -> None:
    part = spamassassin.part((FIXTURES / "spamassassin-bad.txt").read_text())
    assert part.lost == 4.7
    assert "MISSING_DATE 2.7, NO_RELAYS -0.0, SUBJ_ALL_CAPS 0.5" in part.finding.seen
    assert part.finding.remedy == "MISSING_DATE: Missing Date: header"


def test_a_good_report_costs_nothing() -> None:
    part = spamassassin.part((FIXTURES / "spamassassin-good.txt").read_text())
    assert (part.lost, part.finding.seen) == (0, "0 points: HTML_MESSAGE 0.0")


def test_no_report_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert spamassassin.part("nothing").finding.status is Status.UNKNOWN
    for command, seen in (
        ("", "there is none here"),
        ("/nonexistent/spamassassin", "No such file or directory"),
        ("sh -c 'echo broken >&2; exit 3'", "sh exited with 3: broken"),
    ):
        monkeypatch.setenv(spamassassin.COMMAND, command)
        monkeypatch.setenv("PATH", "/bin" if command else "")
        part = spamassassin.judge(b"")
        assert (part.finding.status, part.lost) == (Status.UNKNOWN, 0)
        assert seen in part.finding.seen


# ---- places to connect to, and the printed score -------------------------------------------------


def test_where_the_host_is_reached() -> None:
    hosts = (None, ip_address("192.0.2.25"), "mail.example.org")
    assert places(465, {}, hosts) == [("192.0.2.25", 465), ("mail.example.org", 465)]
    published = published_ports({"465": 13465})
    assert places(465, published, hosts) == [("127.0.0.1", 13465)]
    assert places(587, published, hosts) == []
    assert published_ports(None) == {}


def test_the_report_says_where_the_points_went() -> None:
    parts = [
        names.pointer(captured(), SENDING, zone(ptr=[])),
        names.greeting(captured(), SENDING, zone()),
        authentication.spf_part(captured(), {ADDRESS: "pass"}),
    ]
    assert points(parts) == 8.5
    lines = report(HOST, parts).splitlines()
    assert lines[0] == f"{HOST}: 8.5/10"
    assert lines[1] == f"  reverse DNS  -1.5  {ADDRESS} has no PTR record"
    assert lines[2].endswith(f"-> set the reverse DNS to {HOST} at the VPS provider")
    assert lines[3].startswith("  HELO            0  ")


def test_what_was_not_looked_at_is_said_beside_the_points() -> None:
    parts = [authentication.spf_part(captured(), {}), names.greeting(captured(), SENDING, zone())]
    assert report(HOST, parts).startswith(f"{HOST}: at most 10/10 (not looked at: SPF)\n")


def test_the_points_end_at_0() -> None:
    part = spamassassin.part((FIXTURES / "spamassassin-bad.txt").read_text())
    assert points([part] * 3) == 0
