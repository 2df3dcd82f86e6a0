"""tasks/checks/report.py and tasks/hosts.py: the same findings as table, JSON and page."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tasks import hosts
from tasks.checks.finding import Finding, Severity, Status
from tasks.checks.report import Report, as_html, as_json, as_table

ATTACK = '<script>alert("x")</script>'
WELL = Finding("dns.a", "mail.example.org A", Severity.REQUIRED, Status.OK, "192.0.2.25", "same")
LONG = Finding("dns.dkim", "key", Severity.REQUIRED, Status.OK, "p=" + "M" * 400, "same")
BAD = Finding(
    "dns.spf", "example.org", Severity.REQUIRED, Status.FAILED, ATTACK, "v=spf1 -all", "publish it"
)
POOR = Finding("host.queue", "queue", Severity.RECOMMENDED, Status.FAILED, "old", "new", "look")
BLIND = [
    Finding(f"dns.{name}", name, Severity.REQUIRED, Status.UNKNOWN, "no resolver", "an answer")
    for name in ("mx", "ptr", "mx")
]
REPORT = Report(
    "mail.example.org",
    datetime(2026, 11, 24, 12, 30, 5, 999, UTC),
    [WELL, LONG, POOR, BAD, *BLIND],
)
FINE = Report("mail.example.org", REPORT.time, [WELL])


def test_table() -> None:
    lines = as_table(REPORT, colour=False).splitlines()
    assert lines[0] == "mail.example.org, 2026-11-24 12:30 UTC"
    assert lines[2].split() == ["ok", "dns.a", "mail.example.org", "A:", "192.0.2.25"]
    assert len(lines[3]) < 115
    assert lines[4] == "unknown   no resolver"
    assert lines[5].strip() == "dns.mx, dns.ptr"
    assert [line.split()[:2] for line in lines if line.startswith("failed")] == [
        ["failed", "host.queue"],
        ["failed", "dns.spf"],  # the worst comes last, just above the prompt
    ]
    assert lines[-3:] == [
        "          remedy  publish it",
        "",
        "7 checks: 2 ok, 2 failed (1 required), 3 unknown",
    ]
    assert as_table(FINE, colour=False).endswith("\n1 checks: 1 ok")


def test_colour_is_only_for_terminals() -> None:
    plain, coloured = as_table(REPORT, colour=False), as_table(REPORT, colour=True)
    assert "\033" not in plain
    assert re.sub(r"\033\[\d+m", "", coloured) == plain != coloured


def test_what_others_say_does_not_control_the_terminal() -> None:
    hostile = [replace(each, seen="\033[2Jx\n") for each in (WELL, BAD, BLIND[0])]
    table = as_table(Report("mail.example.org", REPORT.time, hostile), colour=False)
    assert "\033" not in table
    assert table.count("?[2Jx?") == 3


def test_json() -> None:
    report = json.loads(json.dumps(as_json(REPORT)))
    assert list(report) == ["host", "time", "summary", "findings"]
    assert report["time"] == "2026-11-24T12:30:05+00:00"
    assert report["summary"] == {
        "checks": 7,
        "ok": 2,
        "failed": 2,
        "unknown": 3,
        "failed_required": 1,
    }
    assert report["findings"][3] == {
        "id": "dns.spf",
        "subject": "example.org",
        "severity": "required",
        "status": "failed",
        "seen": ATTACK,
        "wanted": "v=spf1 -all",
        "remedy": "publish it",
    }


def test_page_is_escaped_and_self_contained() -> None:
    page = as_html(REPORT)
    assert ATTACK not in page
    assert "&lt;script&gt;" in page
    assert '<meta name="viewport"' in page
    assert "prefers-color-scheme: dark" in page
    assert not re.search(r"https?://|src=|<link|@import|url\(", page)


def test_page_has_the_same_content() -> None:
    page = as_html(REPORT)
    for finding in REPORT.findings:
        assert finding.id in page
        assert finding.remedy in page
    assert REPORT.headline() in page
    assert page.index("dns.spf") < page.index("host.queue") < page.index("no resolver")
    assert "Needs a hand" not in as_html(FINE)


@pytest.fixture(autouse=True)
def _no_hosts_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "_ended", {})
    monkeypatch.setattr(hosts, "_failures", {})


def test_only_the_last_host_speaks_for_all() -> None:
    hosts.ended("b", as_json(REPORT), REPORT.failure())
    assert not hosts.all_ended(["a", "b", "c"])
    hosts.ended("a", as_json(FINE), FINE.failure())
    hosts.unseen("c", "is no mail host yet")
    assert hosts.all_ended(["a", "b", "c"])
    assert hosts.failures() == ["b: required checks failed: dns.spf", "c: is no mail host yet"]
    assert json.loads(hosts.everything()) == [
        as_json(FINE),
        as_json(REPORT),
        {"host": "c", "error": "is no mail host yet"},
    ]


def test_a_recommendation_is_no_failure_of_the_run() -> None:
    blind = Report("a", REPORT.time, [WELL, POOR, *BLIND])
    hosts.ended("a", as_json(blind), blind.failure())
    assert hosts.failures() == []
