"""
Second half of a transaction on the host: make the services run what is on disk, ask them, and
either confirm or go back. All in one remote command, which ends as well without its caller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pyinfra.api import StringCommand

from facts.services import SERVICES, ServiceState, unit
from facts.shell import script
from layout import KEPT, STAMPS
from operations.scripts import shell
from operations.transaction import bundle
from services.service import Entry

#: The program that asks the services on the host.
_PROBE = Path(__file__).resolve().parent.parent / "remote/probe"

_ACTIVATE = shell("transaction/activate.sh")


def activate(
    steps: Sequence[tuple[str, ...]], services: Mapping[str, ServiceState], probes: Sequence[str]
) -> StringCommand:
    """
    Return the command that makes the services run what is on disk, and goes back where they fail.

    + steps: (action, name, unit), see `activation`
    + services: as they are
    + probes: lines for the program in probe/
    """
    words = [f"step={' '.join(step)}" for step in steps]
    for service in SERVICES:
        if state := services.get(service.name):
            reads = [*(f"restart {path}" for path in service.restart_paths)]
            reads += [f"reload {path}" for path in service.reload_paths]
            words.append(f"back={' '.join([service.name, state.unit, *reads])}")
    return script(
        _ACTIVATE,
        KEPT,
        "\n".join(probes),
        STAMPS,
        _units(services),
        *words,
        stdin=bundle(_program()),
    )


def _units(services: Mapping[str, ServiceState]) -> str:
    """Return all units that have files of ours, and those that they start."""
    names = {unit(service.name) for service in SERVICES}
    names |= {f"{name.rpartition('.')[0]}.service" for name in names}
    return " ".join(sorted(names | {state.unit for state in services.values()}))


def _program() -> list[Entry]:
    modules = sorted(_PROBE.glob("*.py"))
    return [(f"probe/{each.name}", each.read_text(), "root", "root", "644") for each in modules]


def activation(
    services: Mapping[str, ServiceState], names: Sequence[str], unwanted: Sequence[str] = ()
) -> list[tuple[str, ...]]:
    """
    Return (action, name, unit) for each of the named services, in that order, that is not enabled
    or does not run the configuration on disk, then for each that runs and should not. A service
    that is unknown gets a start.
    """
    steps: list[tuple[str, ...]] = []
    for name in names:
        service = services.get(name, unknown(name))
        if not service.enabled:
            steps.append(("enable", name, service.unit))
        if service.action:
            steps.append((service.action, name, service.unit))
    for name in unwanted:
        if (left := services.get(name)) and (left.enabled or left.active):
            steps.append(("disable", name, left.unit))
    return steps


def unknown(name: str) -> ServiceState:
    """Return the state of a service that the host does not know yet."""
    return ServiceState(unit(name), False, False, 0, "start")
