"""
What the package knows of a service: one frozen record, of which everything else is derived.

services/all.py lists the records, services/configuration.py says what one host's settings make of
them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from facts.machine import MachineState
from settings.models import Settings


@dataclass(frozen=True)
class Effect:
    """
    What a service needs to do when a file that it reads has changed.

    + action: "reload", "restart", or "" for nothing
    + reason: why nothing
    """

    action: str
    reason: str = ""


RELOAD, RESTART = Effect("reload"), Effect("restart")


def no_effect(reason: str) -> Effect:
    """Return the effect of a file whose change needs neither reload nor restart, and say why."""
    return Effect("", reason)


def always(settings: Settings) -> bool:
    """Whatever the settings: True."""
    return True


def no_values(settings: Settings, machine: MachineState) -> Mapping[str, object]:
    """Return no values: the template gets only those that every template gets."""
    return {}


@dataclass(frozen=True)
class File:
    """
    One file that the package owns whole.

    + effect: what the service needs when the file has changed
    + source: the name of its template below templates/, or a function that returns its text, or
      None where the file must not exist
    + values: what the template gets, beside what every template gets (services/configuration.py)
    + when: whether the settings want the file; where they do not, it must not exist
    + secret: its text is never shown, not by `--diff` either; services that do not read it in
      their sandbox cannot see it
    + learned: its text comes from runs, not from the settings: another text is no drift
    + checked: the service's checker reads it
    + removed: a service that is switched off takes it along; the others stay
    + release: the only Debian release that has it, "" for both
    """

    path: str
    effect: Effect
    source: str | Callable[[Settings, MachineState], str | None]
    values: Callable[[Settings, MachineState], Mapping[str, object]] = no_values
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
    A folder whose files have names that depend on the settings. All of it is ours: what else is in
    it goes.

    + texts: file name below the folder -> its text
    """

    path: str
    effect: Effect
    texts: Callable[[Settings], Mapping[str, str]]


@dataclass(frozen=True)
class Place:
    """
    A file or folder of which we decide owner and mode, but not the content.

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

    + name: of the program, "" where it is the unit's
    + processes: at most, as the configuration allows
    + each: MB that the largest took under load
    """

    name: str
    processes: int
    each: float


@dataclass(frozen=True)
class Service:
    """
    All that is said of a service of the host.

    + name: what systemd calls it, without `.service`; a unit that starts the service when it is
      needed (a socket, a timer, a path) with its type. Without a unit (`has_unit`), any name
    + holders: Debian release -> the unit that holds the processes, where that is another one
    + enabled: whether the settings want it
    + packages: Debian packages that it needs, and those that depend on settings and machine
    + files, folders: all that it reads and that the package writes
    + affected_by: path of another service's file -> what this one needs when that has changed
    + places: files that the host makes for itself, whose owner and mode are judged
    + check: shell commands that judge the files below "$stage" with the service's own checker, and
      call `fail` with what is wrong; they run where a file that is `checked` changed
    + probes: what answers when it runs: a check of remote/probe, and its arguments
    + holds: paths with secrets or mail that are this service's own
    + sees: paths with other services' secrets or mail that it needs; its sandbox hides the rest
    + ports: TCP ports that it serves to others
    + listeners: the programs that hold these ports, as ss(8) names them
    + memory_high, memory_max: bounds of its unit in MB, see systemd.resource-control(5); 0 for none
    + daemons: what it may take, for docs/memory.md
    + problems: why settings and machine cannot have it, one line each with the remedy
    + own_operation: its files are put in place by an operation of their own
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
    problems: Callable[[Settings, MachineState], Sequence[str]] = lambda *_: ()
    own_operation: bool = False

    @property
    def unit(self) -> str:
        """The unit of that name, with its type."""
        typed = self.name.endswith((".socket", ".timer", ".path"))
        return self.name if typed else f"{self.name}.service"

    def holder(self, release: str) -> str:
        """Return the unit that holds the processes on a Debian release."""
        return self.holders.get(release, self.unit)

    @property
    def is_watched(self) -> bool:
        """Whether its unit is started, reloaded and judged with the others'."""
        return self.has_unit and not self.own_operation

    @property
    def effects(self) -> dict[str, Effect]:
        """Path of a file or a folder of files -> what its change needs."""
        files = {file.path: file.effect for file in self.files}
        folders = {folder.path: folder.effect for folder in self.folders}
        return {**files, **folders, **self.affected_by}
