"""tasks/drifts/units.py: services that do not run as they were deployed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from facts.services import ServiceState
from tasks.drifts.judge import Seen
from tasks.drifts.report import Row
from tests.drifting import AT, LATER, deployed, drift, when


def with_unit(name: str, **changes: Any) -> Seen:
    seen = deployed()
    return replace(seen, units={**seen.units, name: replace(seen.units[name], **changes)})


@pytest.mark.parametrize(
    ("changes", "wanted", "found"),
    [
        ({"active": False, "state": "enabled, failed", "action": "start"}, "running", "failed"),
        ({"enabled": False, "state": "disabled, active"}, "starts at boot", "disabled"),
        ({"enabled": False, "state": "masked, active"}, "starts at boot", "masked"),
        ({"action": "reload"}, "runs what is on disk", "an older one, it needs a reload"),
    ],
)
def test_services(changes: dict[str, Any], wanted: str, found: str) -> None:
    override = {"/etc/systemd/system/opendkim.service": LATER}
    changes = {"since": LATER, **changes}
    if "masked" in str(changes):
        changes["overrides"] = override
    seen = with_unit("opendkim", **changes)
    (row,) = drift(seen)
    since = None if found == "disabled" else when(LATER)
    assert row == Row("opendkim", wanted, found, since)


def test_a_service_that_settings_do_without_or_that_is_not_there() -> None:
    seen = deployed()
    unneeded = ServiceState("postsrsd.service", True, True, 7, "", "enabled, active", AT)
    units = {name: state for name, state in seen.units.items() if name != "opendmarc"}
    seen = replace(seen, units={**units, "postsrsd": unneeded})
    assert {(row.what, row.found) for row in drift(seen)} == {
        ("postsrsd", "running"),
        ("opendmarc", "not installed"),
    }


def test_drop_ins_that_nobody_here_wrote() -> None:
    ours = "/etc/systemd/system/dovecot.service.d/mailhost.conf"
    theirs = "/etc/systemd/system/dovecot.service.d/override.conf"
    seen = with_unit("dovecot", overrides={ours: AT, theirs: LATER})
    assert drift(seen) == [Row(theirs, "no such file", "changes dovecot", when(LATER))]
