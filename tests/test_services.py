"""facts/services.py: does each service run the configuration that is on disk?"""

from __future__ import annotations

from pathlib import Path

import pytest

from facts.services import ServiceState, needed_action, parse_services

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
    """Of a host where opendkim.conf, dovecot.conf and main.cf were touched."""
    states = parse_services((FIXTURES / f"services-{release}.txt").read_text().splitlines())
    assert states["postfix"] == postfix
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
        "",
    ]


def test_a_service_that_is_not_installed_is_left_out() -> None:
    assert parse_services(shown("not-found", "inactive", "")) == {}


def test_a_stopped_service_needs_a_start() -> None:
    changed = "file 1795520820.9 1795520820.9 /etc/dovecot/dovecot.conf"
    assert parse_services([*shown("loaded", "failed", "disabled"), changed]) == {
        "dovecot": ServiceState("dovecot.service", False, False, 0, "start")
    }
