"""
Second half of a transaction on the host: make the services run what is on disk, ask them, and
either confirm or go back. All in one remote command, which ends as well without its caller.
"""

from collections.abc import Iterable, Mapping, Sequence

from pyinfra.api import StringCommand

from facts.services import ServiceState
from facts.shell import script
from facts.watched import Watched
from layout import KEPT, STAMPS
from operations.scripts import shell
from operations.transaction import bundle
from services.configuration import WantedFile
from services.units import REMOTE

_ACTIVATE = shell("transaction/activate.sh")


def activate(
    steps: Sequence[tuple[str, ...]],
    services: Sequence[Watched],
    states: Mapping[str, ServiceState],
    probes: Sequence[str],
) -> StringCommand:
    """
    Return the command that makes the services run what is on disk, and goes back where they fail.

    + steps: (action, name, unit), see `activation`
    + services: whose units and files these are
    + states: of the services as they are
    + probes: lines for the program in remote/probe
    """
    words = [f"step={' '.join(step)}" for step in steps]
    for each in services:
        if state := states.get(each.name):
            reads = (f"{action} {path}" for path, action in each.effects.items())
            words.append(f"back={' '.join([each.name, state.unit, *reads])}")
    return script(
        _ACTIVATE,
        KEPT,
        "\n".join(probes),
        STAMPS,
        _units(services, states),
        *words,
        stdin=bundle(_program()),
    )


def _units(services: Iterable[Watched], states: Mapping[str, ServiceState]) -> str:
    """Return all units that have files of ours, and those that they start."""
    names = {each.unit for each in services}
    names |= {f"{name.rpartition('.')[0]}.service" for name in names}
    return " ".join(sorted(names | {state.unit for state in states.values()}))


def _program() -> list[WantedFile]:
    """Return the program that asks the services on the host."""
    modules = sorted((REMOTE / "probe").glob("*.py"))
    return [WantedFile(f"probe/{each.name}", each.read_text()) for each in modules]


def activation(
    states: Mapping[str, ServiceState], wanted: Iterable[Watched], unwanted: Iterable[Watched] = ()
) -> list[tuple[str, ...]]:
    """
    Return (action, name, unit) for each wanted service, in that order, that is not enabled or does
    not run the configuration on disk, then for each unwanted one that runs. A service that the host
    does not know gets a start.
    """
    steps: list[tuple[str, ...]] = []
    for each in wanted:
        # The host does not know a service whose packages come with this run.
        state = states.get(each.name) or ServiceState(each.unit, False, False, 0, "start")
        if not state.enabled:
            steps.append(("enable", each.name, state.unit))
        if state.action:
            steps.append((state.action, each.name, state.unit))
    for each in unwanted:
        if (left := states.get(each.name)) and (left.enabled or left.active):
            steps.append(("disable", each.name, left.unit))
    return steps
