"""facts/services.py: whether each service runs the configuration on disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from facts.services import ServiceState, needed_action, parse_services
from services.all import ALL
from services.configuration import watched

WATCHED = watched(ALL)
FIXTURES = Path(__file__).parent / "fixtures/facts/services"


@pytest.mark.parametrize(
    ("active", "loaded", "changed", "action"),
    [
        (True, 0, {}, ""),
        (False, 0, {}, "start"),
        (False, 0, {"restart": 200}, "start"),
        (True, 0, {"reload": 50, "restart": 50}, ""),
        (True, 0, {"reload": 150}, "reload"),
        (True, 160, {"reload": 150}, ""),
        (True, 150, {"reload": 150}, ""),
        (True, 140, {"reload": 150}, "reload"),
        (True, 160, {"restart": 150}, "restart"),
        (True, 0, {"reload": 150, "restart": 150}, "restart"),
    ],
)
def test_needed_action_of_a_service_started_at_100(
    active: bool, loaded: float, changed: dict[str, float], action: str
) -> None:
    assert needed_action(active, 100, loaded, changed) == action


@pytest.mark.parametrize(
    ("release", "postfix"),
    [
        ("12", ServiceState("postfix@-.service", True, True, 6801, "reload")),
        ("13", ServiceState("postfix.service", True, True, 6438, "reload")),
    ],
)
def test_captured_output(release: str, postfix: ServiceState) -> None:
    """The host is one where opendkim.conf, dovecot.conf and main.cf were touched."""
    states = parse_services(
        (FIXTURES / f"services-{release}.txt").read_text().splitlines(), WATCHED
    )
    assert replace(states["postfix"], state="", since=0.0) == postfix
    assert states["postfix"].state == "enabled, active"
    assert states["postfix"].since > 1.7e9  # when its configuration changed
    assert {name: state.action for name, state in states.items()} == {
        "systemd-journald": "",
        "opendkim": "restart",
        "opendmarc": "",
        "postsrsd": "",
        "dovecot": "reload",
        "postfix": "reload",
    }


def shown(state: str, active: str, enabled: str) -> list[str]:
    return [
        "release 13",
        "MainPID=0",
        "Id=dovecot.service",
        f"LoadState={state}",
        f"ActiveState={active}",
        f"UnitFileState={enabled}",
        "InactiveExitTimestamp=",
        "StateChangeTimestamp=Wed 2026-11-25 01:00:00.500000 UTC",
        "",
    ]


def test_a_service_that_is_not_installed_is_left_out() -> None:
    assert parse_services(shown("not-found", "inactive", ""), WATCHED) == {}


def test_a_stopped_service_needs_a_start() -> None:
    changed = "file 1795520820.9 1795520820.9 /etc/dovecot/dovecot.conf"
    assert parse_services([*shown("loaded", "failed", "disabled"), changed], WATCHED) == {
        "dovecot": ServiceState(
            "dovecot.service", False, False, 0, "start", "disabled, failed", 1795568400.5
        )
    }


def test_what_lies_beside_a_unit_is_found_with_its_time() -> None:
    folder = "/etc/systemd/system"
    lines = [
        *shown("masked", "inactive", "masked"),
        f"file 9 7.5 {folder}/dovecot.service",
        f"file 9 8.5 {folder}/dovecot.service.d",
        f"file 9 9.5 {folder}/dovecot.service.d/override.conf",
        f"file 9 9.5 {folder}/dovecot.service.d/notes.txt",
        f"file 9 9.5 {folder}/opendkim.service.d/mailhost.conf",
    ]
    state = parse_services(lines, WATCHED)["dovecot"]
    assert state.state == "masked, inactive"
    assert state.overrides == {
        f"{folder}/dovecot.service": 7.5,
        f"{folder}/dovecot.service.d/override.conf": 9.5,
    }


def test_a_file_that_is_gone_is_a_change() -> None:
    started = shown("loaded", "active", "enabled")
    started[6] = "InactiveExitTimestamp=Wed 2026-11-25 01:00:00.500000 UTC"
    conf, kept = "/etc/dovecot/dovecot.conf", "/var/lib/mailhost/kept/present"
    copied = f"file 1895568500.0 1795520820.9 {kept}{conf}"
    assert parse_services([*started, copied], WATCHED)["dovecot"].action == "reload"
    still = f"file 1795520820.9 1795520820.9 {conf}"
    assert parse_services([*started, copied, still], WATCHED)["dovecot"].action == ""
