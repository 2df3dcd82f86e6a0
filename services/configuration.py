"""From the services' records to one host: its files, packages and probes. Pure functions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from facts.configuration import FileState
from facts.machine import MachineState
from facts.watched import Watched
from layout import MAIL_FOLDER, PEM, TLS_PORTS
from services.service import File, Service
from settings.models import Settings
from wanted.rendering import render


@dataclass(frozen=True)
class WantedFile:
    """
    One file as it has to be on the host.

    + content: its text, or None if the file must not exist
    + secret, learned, checked: see `File`
    """

    path: str
    content: str | None
    owner: str = "root"
    group: str = "root"
    mode: str = "644"
    secret: bool = False
    learned: bool = False
    checked: bool = True

    @property
    def entry(self) -> tuple[str, str, str, str, str]:
        """What is sent to the host: path, text, owner, group, mode."""
        return self.path, self.content or "", self.owner, self.group, self.mode

    def is_in_place(self, current: FileState | None) -> bool:
        """Whether the file on the host is the wanted one."""
        if self.content is None or current is None:
            return self.content is None and current is None
        digest = hashlib.sha256(self.content.encode()).hexdigest()
        return current == FileState(digest, self.owner, self.group, self.mode)


@dataclass(frozen=True)
class Configuration:
    """
    A service as one host's settings want it.

    + enabled: False for a service that the settings do not want: it is stopped, if it exists
    + probes: the checks of remote/probe that have to pass
    """

    service: Service
    enabled: bool
    files: tuple[WantedFile, ...]
    probes: tuple[tuple[str, ...], ...] = ()

    @property
    def name(self) -> str:
        """The service's name."""
        return self.service.name


def configurations(
    services: Sequence[Service], settings: Settings, machine: MachineState
) -> dict[str, Configuration]:
    """Return name -> configuration of each service, in the services' order."""
    return {each.name: _configuration(each, services, settings, machine) for each in services}


def _configuration(
    service: Service, services: Sequence[Service], settings: Settings, machine: MachineState
) -> Configuration:
    enabled = service.enabled(settings)
    values = {
        "settings": settings,
        "machine": machine,
        "mail_folder": MAIL_FOLDER,
        "pem": PEM,
        "unseen": unseen(service, services),
        "memory_high": service.memory_high,
        "memory_max": service.memory_max,
    }
    files = [
        _wanted(file, enabled, values, settings, machine)
        for file in service.files
        if file.release in ("", machine.release) and (enabled or file.removed)
    ]
    if enabled:
        files += [
            WantedFile(f"{folder.path}/{name}", text)
            for folder in service.folders
            for name, text in folder.texts(settings).items()
        ]
    probes = tuple(service.probes(settings)) if enabled else ()
    return Configuration(service, enabled, tuple(files), probes)


def _wanted(
    file: File,
    enabled: bool,
    values: Mapping[str, object],
    settings: Settings,
    machine: MachineState,
) -> WantedFile:
    content = None
    if enabled and file.when(settings):
        if isinstance(file.source, str):
            content = render(file.source, **{**values, **file.values(settings, machine)})
        else:
            content = file.source(settings, machine)
    owned = (file.owner, file.group, file.mode)
    return WantedFile(file.path, content, *owned, file.secret, file.learned, file.checked)


def wanted_packages(
    services: Sequence[Service], settings: Settings, machine: MachineState
) -> list[str]:
    """Return the names of the Debian packages that the enabled services need, sorted."""
    found = [
        name
        for service in services
        if service.enabled(settings)
        for name in (*service.packages, *service.more_packages(settings, machine))
    ]
    return sorted(set(found))


def why_not(services: Sequence[Service], settings: Settings, machine: MachineState) -> list[str]:
    """Return why this machine cannot have the services, one line each with its remedy."""
    return [
        obstacle
        for service in services
        if service.enabled(settings)
        for obstacle in service.obstacles(settings, machine)
    ]


def served_ports(services: Iterable[Service], settings: Settings) -> tuple[int, ...]:
    """Return the TCP ports that the enabled services serve to other hosts, those for mail first."""
    ports = {port for each in services if each.enabled(settings) for port in each.ports}
    return tuple(sorted(ports, key=lambda port: (port not in TLS_PORTS, port)))


def watched(services: Iterable[Service]) -> list[Watched]:
    """Return what the Services fact looks at: units, and which files need which action."""
    return [
        Watched(
            name=service.name,
            unit=service.unit,
            holders=dict(service.holders),
            effects={path: each.action for path, each in service.effects.items() if each.action},
        )
        for service in services
        if service.is_watched
    ]


def unseen(service: Service, services: Iterable[Service]) -> list[str]:
    """
    Return the paths that a service's sandbox hides: the secrets and mail of all other services.

    Paths that the service needs stay visible, and the folders that hold them; other secrets in such
    a folder are hidden one by one.
    """
    needed = {*secrets(service), *service.sees}
    hidden = {
        path
        for other in services
        if other is not service
        for path in secrets(other)
        if not any(_within(path, each) or _within(each, path) for each in needed)
    }
    return sorted(
        path for path in hidden if not any(_within(path, each) for each in hidden - {path})
    )


def secrets(service: Service) -> list[str]:
    """Return the paths with secrets or mail that belong to a service."""
    return [*service.holds, *(file.path for file in service.files if file.secret)]


def _within(path: str, folder: str) -> bool:
    """Whether a path is a folder or lies below it."""
    return path == folder or path.startswith(f"{folder}/")
