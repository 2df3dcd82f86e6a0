"""
What the package knows of a service: one frozen record, from which everything else is derived.

services/all.py lists the records; services/configuration.py derives one host's files from them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from facts.machine import MachineState
from settings.models import Settings


@dataclass(frozen=True)
class Effect:
    """
    What a service needs after a change of a file that it reads.

    + action: "reload", "restart", or "" for nothing
    + reason: why it needs nothing
    """

    action: str
    reason: str = ""


RELOAD, RESTART = Effect("reload"), Effect("restart")


def no_effect(reason: str) -> Effect:
    """Return the effect of a file whose change needs neither reload nor restart."""
    return Effect("", reason)


def always(settings: Settings) -> bool:
    """Return True: the settings do not matter."""
    return True


def given(**values: object) -> Callable[[Settings, MachineState], Mapping[str, object]]:
    """Return a function for `File.values` that returns these values."""
    return lambda settings, machine: values


@dataclass(frozen=True)
class File:
    """
    One file that the package owns whole.

    + effect: what the service needs after a change of the file
    + source: the name of its template below templates/, or a function that returns its text (None:
      the file must not exist)
    + values: values for the template, beside those of every template (services/configuration.py)
    + when: whether the settings want the file; otherwise it must not exist
    + secret: its text is never shown, not even by `--diff`; the sandbox hides it from services that
      do not need it
    + learned: its text comes from runs, not from the settings: another text is no drift
    + checked: the service's checker reads it
    + removed: it is removed when the service is switched off; other files stay
    + release: the only Debian release that has it, "" for both
    """

    path: str
    effect: Effect
    source: str | Callable[[Settings, MachineState], str | None]
    values: Callable[[Settings, MachineState], Mapping[str, object]] = lambda *_: {}
    when: Callable[[Settings], bool] = always
    owner: str = "root"
    group: str = "root"
    mode: str = "644"
    secret: bool = False
    learned: bool = False
    checked: bool = True
    removed: bool = False
    release: str = ""


@dataclass(frozen=True)
class Folder:
    """
    A folder of files whose names depend on the settings. All of it is ours: a deploy removes
    anything else in it.

    + texts: path below the folder -> its text
    """

    path: str
    effect: Effect
    texts: Callable[[Settings], Mapping[str, str]]


@dataclass(frozen=True)
class Place:
    """
    A file or folder whose owner and mode we decide, but not its content.

    + owner: user and group, e.g. "opendkim:opendkim"
    + mode: as in stat(1), e.g. "600"
    """

    path: str
    owner: str
    mode: str


@dataclass(frozen=True)
class Daemon:
    """
    A row of docs/memory.md.

    + name: of the program, "" for the unit's
    + processes: the most that the configuration allows
    + each: MB that the largest process took under load
    """

    name: str
    processes: int
    each: float


@dataclass(frozen=True)
class Service:
    """
    The record of one service.

    + name: its unit's name without `.service`; a unit of another type (socket, timer, path) keeps
      its type. A service without a unit has any name
    + has_unit: systemd starts, reloads and stops it by a unit of that name
    + holders: Debian release -> the unit that holds the processes, if that is another one
    + enabled: whether the settings want it
    + packages: Debian packages that it always needs
    + more_packages: Debian packages that depend on settings and machine
    + files, folders: all that the package writes for it
    + affected_by: path of another service's file -> what this service needs after a change of it
    + places: files that the host makes for itself, whose owner and mode we decide
    + check: shell commands that run the service's own checker on the files below "$stage", and call
      `fail` with what is wrong; they run when a file that is `checked` changes
    + probes: checks of remote/probe with their arguments, which have to pass while it runs
    + holds: paths of its own secrets and mail
    + sees: paths of other services' secrets and mail that it needs; its sandbox hides the rest
    + ports: TCP ports that it serves to other hosts
    + listeners: the programs that hold these ports, as ss(8) names them
    + memory_high, memory_max: bounds of its unit in MB, see systemd.resource-control(5); 0 for none
    + daemons: its rows in docs/memory.md
    + obstacles: why settings and machine cannot have it, one line each with its remedy
    + own_operation: an operation of its own puts its files in place
    """

    name: str
    has_unit: bool = True
    holders: Mapping[str, str] = field(default_factory=dict)
    enabled: Callable[[Settings], bool] = always
    packages: tuple[str, ...] = ()
    more_packages: Callable[[Settings, MachineState], Sequence[str]] = lambda *_: ()
    files: tuple[File, ...] = ()
    folders: tuple[Folder, ...] = ()
    affected_by: Mapping[str, Effect] = field(default_factory=dict)
    places: Callable[[Settings], Sequence[Place]] = lambda _: ()
    check: str = ""
    probes: Callable[[Settings], Sequence[tuple[str, ...]]] = lambda _: ()
    holds: tuple[str, ...] = ()
    sees: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    listeners: frozenset[str] = frozenset()
    memory_high: int = 0
    memory_max: int = 0
    daemons: tuple[Daemon, ...] = ()
    obstacles: Callable[[Settings, MachineState], Sequence[str]] = lambda *_: ()
    own_operation: bool = False

    @property
    def unit(self) -> str:
        """The name of its unit, with the type."""
        typed = self.name.endswith((".socket", ".timer", ".path"))
        return self.name if typed else f"{self.name}.service"

    def holder(self, release: str) -> str:
        """Return the unit that holds the processes on a Debian release."""
        return self.holders.get(release, self.unit)

    @property
    def is_watched(self) -> bool:
        """Whether it is started, reloaded and judged together with the other services."""
        return self.has_unit and not self.own_operation

    @property
    def effects(self) -> dict[str, Effect]:
        """Path of a file or folder -> what the service needs after a change there."""
        files = {file.path: file.effect for file in self.files}
        folders = {folder.path: folder.effect for folder in self.folders}
        return {**files, **folders, **self.affected_by}
