"""All drift of one host: what was seen there against what its settings want. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from facts.configuration import FileState
from facts.firewall import FirewallState
from facts.live import LiveState
from facts.machine import MachineState
from facts.opendkim import KEYS
from facts.packages import PackageStates
from facts.services import ServiceState
from layout import PEM
from services import dovecot, renewal
from services import packages as debian
from services.service import Configuration, File
from settings.models import Settings
from tasks.drifts import files, machine, network, units
from tasks.drifts.files import Place
from tasks.drifts.row import Row

PASSWD_FILES = (dovecot.USERS, dovecot.SCORE_USERS)


@dataclass(frozen=True)
class Seen:
    """
    What the facts say.

    + texts: of the files that `readable` names
    """

    system: MachineState
    packages: PackageStates
    firewall: FirewallState
    units: Mapping[str, ServiceState]
    states: Mapping[str, FileState]
    live: LiveState
    texts: Mapping[str, str] = field(default_factory=dict)


def paths(settings: Settings, configurations: Sequence[Configuration]) -> list[str]:
    """Return every file and folder whose state is wanted."""
    ours = [file.path for file in _files(configurations)]
    keys = [key.path for key in dkim_keys(settings)]
    return list(dict.fromkeys([*ours, PEM, *keys, *machine.FILES, *files.folders([*ours, PEM])]))


def readable(configurations: Sequence[Configuration], states: Mapping[str, FileState]) -> list[str]:
    """Return the files whose text tells what is different, and holds no secret."""
    return files.changed(_files(configurations), states)


def rows(
    settings: Settings,
    configurations: Sequence[Configuration],
    seen: Seen,
    now: datetime,
    ssh: Collection[int],
) -> list[Row]:
    """
    Return what drifted.

    + ssh: where sshd may listen
    """
    ours, keys, live = _files(configurations), dkim_keys(settings), seen.live
    logins = {path: live.logins.get(path, ()) for path in PASSWD_FILES}
    places = [*keys, Place(PEM, "root:root", "600")]
    drifted = [
        *files.content(ours, seen.states, seen.texts, logins),
        *files.owners(ours, places, seen.states),
        *files.writers(files.folders([*(file.path for file in ours), PEM]), seen.states),
        *files.missing(keys, seen.states),
        *files.leftovers(paths(settings, configurations), seen.states),
    ]
    inactive = [
        name
        for name in units.wanted(configurations)
        if name not in (renewal.TIMER, renewal.PATH)  # all ports are served without them
        and (name not in seen.units or not seen.units[name].active)
    ]
    return [
        *machine.packages(debian.wanted(settings, seen.system), seen.packages),
        *machine.names(settings, seen.system, seen.states),
        *machine.resources(settings, seen.system),
        *machine.accounts(seen.system, live.superusers),
        *machine.mail_folders(seen.system, seen.states, live.loose_folders),
        *drifted,
        *units.states(configurations, seen.units, {row.what for row in drifted}),
        *units.overrides(configurations, seen.units),
        *network.firewall(settings, seen.firewall),
        *network.listeners(settings, live.listeners, inactive, ssh, open_ports(settings)),
        *network.certificates(
            settings, live, network.asked(settings, live.listeners, inactive), now
        ),
    ]


def _files(configurations: Sequence[Configuration]) -> list[File]:
    return [file for each in configurations for file in each.files]


def dkim_keys(settings: Settings) -> list[Place]:
    """Return the DKIM keys, which the host made for itself, and their folders."""
    owner, selector = "opendkim:opendkim", settings.mail_dkim_selector
    found = [Place(KEYS, owner, "700")]
    for domain in settings.mail_domains:
        folder = f"{KEYS}/{domain}"
        found += [Place(folder, owner, "700"), Place(f"{folder}/{selector}.private", owner, "600")]
    return found


def open_ports(settings: Settings) -> set[int]:
    """Return the TCP ports that other software may listen on."""
    ports = (port.partition("/") for port in settings.mail_open_ports or [])
    return {int(number) for number, _, protocol in ports if protocol == "tcp"}
