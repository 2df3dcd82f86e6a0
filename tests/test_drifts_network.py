"""tasks/drifts/network.py: ports, the firewall, and certificates that are served."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from facts.configuration import FileState
from facts.firewall import RULES, FirewallState
from facts.live import Listener
from layout import PEM, TLS_PORTS
from tasks.drifts.judge import Seen
from tasks.drifts.report import Row
from tests.drifting import AT, CERTIFICATE, FIREWALL, LISTENERS, LOCAL, NOW, SSH, deployed, drift

RULES_FILE = {RULES: FileState("0", "root", "root", "644")}
OTHER = replace(CERTIFICATE, sha256="bb", names=("other.test",))


def with_live(**changes: Any) -> Seen:
    seen = deployed()
    return replace(seen, live=replace(seen.live, **changes))


def test_listeners() -> None:
    strange = (
        Listener("0.0.0.0", 8080, ("python3",), AT),
        Listener("::", 8080, ("python3",), AT),
        Listener("192.0.2.1", 2222, ("sshd",), AT),
        Listener("::ffff:127.0.0.1", 9000, ("php",), AT),
        Listener("0.0.0.0", 443, ("nginx",), AT),
        Listener("0.0.0.0", 25, ("nc",), AT),
    )
    ours = [each for each in LISTENERS if each.port not in (25, 993)]
    seen = with_live(listeners=(*ours, *strange, *LOCAL, SSH))
    assert {(row.what, row.wanted, row.found) for row in drift(seen, mail_open_ports=[443])} == {
        ("port 8080", "nothing listens", "python3 on 0.0.0.0, ::"),
        ("port 2222", "nothing listens", "sshd on 192.0.2.1"),
        ("port 25", "postfix", "nc on 0.0.0.0"),
        ("port 993", "dovecot", "nothing listens"),
    }
    assert [row.found for row in drift(with_live(listeners=None))] == ["ss(8) could not be run"]


def test_ports_of_a_stopped_service_are_not_missed() -> None:
    seen = with_live(
        listeners=[each for each in LISTENERS if each.processes == ("master",)], served={}
    )
    stopped = replace(seen.units["dovecot"], active=False, state="enabled, inactive")
    seen = replace(seen, units={**seen.units, "dovecot": stopped})
    assert [(row.what, row.found) for row in drift(seen)] == [("dovecot", "inactive")]


@pytest.mark.parametrize(
    ("found", "shown"),
    [
        ({}, []),
        ({"table": False, "loaded": False}, ["no rules"]),
        ({"loaded": False, "files": RULES_FILE}, ["other rules"]),
        ({"unconfirmed": True}, ["rules that no run has confirmed"]),
        ({"enabled": False}, ["not"]),
    ],
)
def test_the_firewall(found: dict[str, Any], shown: list[str]) -> None:
    seen = replace(deployed(), firewall=replace(FIREWALL, **found))
    assert [row.found for row in drift(seen) if row.what == "firewall"] == shown


def test_a_firewall_that_is_switched_off() -> None:
    off = {"mail_firewall": False}
    assert [row.found for row in drift(deployed(), **off)] == ["rules in force"]
    assert drift(replace(deployed(), firewall=FirewallState()), **off) == []


def test_certificates() -> None:
    swapped = with_live(served={**dict.fromkeys(TLS_PORTS, CERTIFICATE), 993: OTHER, 995: OTHER})
    assert drift(swapped) == [
        Row(
            "certificate on ports 993, 995",
            f"that of {PEM}",
            "another, for other.test, ends on 2027-12-30",
            OTHER.not_before,
        )
    ]
    mute = with_live(served={port: CERTIFICATE for port in TLS_PORTS if port != 465})
    assert [(row.what, row.found) for row in drift(mute)] == [
        ("TLS on port 465", "no certificate within 10 seconds")
    ]
    expired = replace(CERTIFICATE, not_after=NOW - timedelta(days=1))
    seen = with_live(certificate=expired, served=dict.fromkeys(TLS_PORTS, expired))
    assert [(row.found, row.since) for row in drift(seen)] == [
        ("the certificate ends on 2026-11-24", expired.not_after)
    ]
    other = with_live(certificate=OTHER, served=dict.fromkeys(TLS_PORTS, OTHER))
    assert [row.found for row in drift(other)] == ["the certificate is for other names"]
