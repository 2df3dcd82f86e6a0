"""All drift of one host: what was seen there against what its settings want. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from facts.firewall import FirewallState
from facts.live import LiveState
from facts.machine import MachineState
from facts.packages import PackageStates
from facts.services import ServiceState
from layout import PEM
from services import dovecot
from services.configuration import Configuration, WantedFile, wanted_packages
from services.service import Place
from settings.models import Settings
from tasks.drifts import files, machine, network, units
from tasks.drifts.files import States
from tasks.drifts.report import Row

PASSWD_FILES = (dovecot.USERS, dovecot.SCORE_USERS)


@dataclass(frozen=True)
class Seen:
    """What the facts say."""

    machine: MachineState
    packages: PackageStates
    firewall: FirewallState
    units: Mapping[str, ServiceState]
    states: States
    live: LiveState
    texts: Mapping[str, str] = field(default_factory=dict)  # of the files that `readable` names


def paths(settings: Settings, configurations: Sequence[Configuration]) -> list[str]:
    """Return every file and folder whose state is wanted."""
    ours = [*(file.path for file in _files(configurations)), PEM]
    places = [place.path for place in _places(settings, configurations)]
    return list(dict.fromkeys([*ours, *places, *machine.FILES, *files.folders(ours)]))


def readable(configurations: Sequence[Configuration], states: States) -> list[str]:
    """Return the files whose text tells what is different, and holds no secret."""
    return files.changed(_files(configurations), states)


def rows(
    settings: Settings,
    configurations: Sequence[Configuration],
    seen: Seen,
    now: datetime,
    ssh: Collection[int],
) -> list[Row]:
    """Return what drifted; sshd may listen on the ports `ssh`."""
    ours, places, live = _files(configurations), _places(settings, configurations), seen.live
    logins = {path: live.logins.get(path, ()) for path in PASSWD_FILES}
    drifted = [
        *files.content(ours, seen.states, seen.texts, logins),
        *files.owners(ours, places, seen.states),
        *files.writers(files.folders([*(file.path for file in ours), PEM]), seen.states),
        *files.missing([place for place in places if place.path != PEM], seen.states),
        *files.leftovers(paths(settings, configurations), seen.states),
    ]
    inactive = [
        each.name
        for each in units.wanted(configurations)
        if not each.name.endswith((".timer", ".path"))  # all ports are served without them
        and (each.name not in seen.units or not seen.units[each.name].active)
    ]
    servers = network.servers(configurations)
    asked = network.asked(servers, live.listeners, inactive)
    services = [each.service for each in configurations]
    debian = wanted_packages(services, settings, seen.machine)
    return [
        *machine.packages(debian, seen.packages),
        *machine.names(settings, seen.machine, seen.states),
        *machine.resources(settings, seen.machine),
        *machine.accounts(seen.machine, live.superusers),
        *machine.mail_folders(seen.machine, seen.states, live.loose_folders),
        *drifted,
        *units.states(configurations, seen.units, {row.what for row in drifted}),
        *units.overrides(configurations, seen.units),
        *network.firewall(settings, seen.firewall),
        *network.listeners(servers, live.listeners, inactive, ssh, open_ports(settings)),
        *network.certificates(settings, live, asked, now),
    ]


def _files(configurations: Sequence[Configuration]) -> list[WantedFile]:
    return [file for each in configurations for file in each.files]


def _places(settings: Settings, configurations: Sequence[Configuration]) -> list[Place]:
    """Return what the host made for itself: keys, and the certificate."""
    return [place for each in configurations for place in each.service.places(settings)]


def open_ports(settings: Settings) -> set[int]:
    """Return the TCP ports that other software may listen on."""
    ports = (port.partition("/") for port in settings.mail_open_ports or [])
    return {int(number) for number, _, protocol in ports if protocol == "tcp"}
