"""tasks/drifts: the report, of a host as it was deployed and as text and JSON."""

from __future__ import annotations

from tasks.drifts.report import Report, Row, as_json, as_table
from tests.drifting import NOW, deployed, drift


def test_a_host_as_it_was_deployed_has_no_drift() -> None:
    assert drift(deployed()) == []


def test_the_report() -> None:
    report = Report(
        "mail.example.org", NOW, [Row("x", "a" * 70, "b\x1b[31m", NOW), Row("y", "", "")]
    )
    table = as_table(report)
    assert "2 things drifted" in table
    assert "2026-11-25 03:00" in table
    assert "\x1b" not in table
    assert "a" * 70 not in table
    assert as_json(report)["drift"][0] == {
        "what": "x",
        "wanted": "a" * 70,
        "found": "b\x1b[31m",
        "since": "2026-11-25T03:00:00+00:00",
    }
    assert as_json(report)["drift"][1]["since"] is None
    assert as_table(Report("x", NOW, [])).endswith("nothing drifted")
