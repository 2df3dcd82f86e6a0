"""A host on which nothing drifted, for the tests of tasks/drifts."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from facts.configuration import FileState
from facts.firewall import FirewallState
from facts.live import Listener, LiveState
from facts.packages import PackageStates
from facts.services import ServiceState
from facts.tls import CertificateState
from layout import TLS_PORTS
from tasks.drifts import judge
from tasks.drifts.judge import Seen
from tasks.drifts.report import Row
from tests.inventory import settings
from tests.plan import packages, vps, wanted

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
SETTINGS = settings()
MACHINE = replace(
    vps("13"),
    hostname="mail.example.org",
    hostname_file="mail.example.org",
    mailname="example.org",
    swap=2**30,
    vmail=(5000, 5000),
    vmail_folder="vmail:vmail:700",
    update_timers=True,
)
CONFIGURATIONS = list(wanted(SETTINGS, MACHINE).values())
FIREWALL = FirewallState(table=True, loaded=True, enabled=True)
CERTIFICATE = CertificateState(
    names=("mail.example.org",),
    not_after=NOW + timedelta(days=400),
    self_signed=True,
    key_matches=True,
    owner="root:root",
    mode="600",
    not_before=NOW - timedelta(days=2),
    sha256="aa",
)
LISTENERS = tuple(
    Listener("0.0.0.0", port, (("master",) if port in (25, 465, 587) else ("dovecot",)), 9.0)
    for port in TLS_PORTS
)
LOCAL = (Listener("127.0.0.1", 10001, ("postsrsd",), 9.0), Listener("::1", 53, (), 0.0))
SSH = Listener("::", 22, ("sshd",), 9.0)
AT, LATER = 1795570000.0, 1795573600.0


def deployed() -> Seen:
    """Return the facts of a host on which nothing drifted."""
    states = {}
    for path in judge.paths(SETTINGS, CONFIGURATIONS):
        states[path] = FileState("-", "root", "root", "755", AT, LATER)
    for configuration in CONFIGURATIONS:
        for file in configuration.files:
            if file.content is None:
                del states[file.path]
                continue
            digest = hashlib.sha256(file.content.encode()).hexdigest()
            states[file.path] = FileState(digest, file.owner, file.group, file.mode, AT, LATER)
    places = [place for each in CONFIGURATIONS for place in each.service.places(SETTINGS)]
    for place in places:
        owner, _, group = place.owner.partition(":")
        states[place.path] = FileState("k", owner, group, place.mode, AT, LATER)
    return Seen(
        machine=MACHINE,
        packages=PackageStates(frozenset(packages(SETTINGS, MACHINE)), False),
        units={
            each.name: ServiceState(each.service.unit, True, True, 7, "", "enabled, active")
            for each in CONFIGURATIONS
            if each.enabled and each.service.is_watched
        },
        firewall=FIREWALL,
        states=states,
        live=LiveState(
            listeners=(*LISTENERS, *LOCAL, SSH),
            certificate=CERTIFICATE,
            served=dict.fromkeys(TLS_PORTS, CERTIFICATE),
            logins={"/etc/dovecot/users": tuple(SETTINGS.users)},
            superusers=("root",),
        ),
    )


def drift(seen: Seen, **changes: Any) -> list[Row]:
    """Return the drifts of a host with these settings changed."""
    host_settings = settings(**changes)
    return judge.rows(host_settings, CONFIGURATIONS, seen, NOW, ssh={22})


def when(seconds: float) -> datetime:
    """Return a time in seconds since 1970 as the UTC time that a row has."""
    return datetime.fromtimestamp(seconds, UTC)
