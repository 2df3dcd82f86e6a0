"""
The services' configuration as one transaction: stage, check all, replace, then start, restart or
reload what does not run it yet, and ask every service; what fails is taken back.

services/configuration.py says what has to be there: rendered files, each service's own checker, and
what has to answer. `apply` compares that with the host and closes the difference with at most two
remote commands (operations/transaction.py, operations/activation.py).
"""

import difflib
from collections.abc import Generator, Iterable, Mapping, Sequence

from pyinfra import host, logger, state
from pyinfra.api import StringCommand

from facts.configuration import FileContents, ManagedFiles
from facts.services import Services, ServiceState
from facts.shell import script
from facts.text import printable
from layout import KEPT
from operations.activation import activate, activation
from operations.operation import operation
from operations.scripts import shell
from operations.transaction import replace
from services.configuration import Configuration, WantedFile, watched


def probe_lines(
    configurations: Iterable[Configuration], states: Mapping[str, ServiceState]
) -> list[str]:
    """Return what remote/probe reads: every service that has to run, and what it answers."""
    lines = []
    for each in configurations:
        if each.enabled and each.service.is_watched:
            state = states.get(each.name)
            unit = state.unit if state else each.service.unit
            probes = (("runs", unit), *each.probes)
            lines += [" ".join([each.name, unit, *probe]) for probe in probes]
    return lines


def _show_difference(changed: Sequence[WantedFile]) -> None:
    """Print what changes, for `--diff`; of a secret file only that it changes."""
    shown = [file.path for file in changed if not file.secret]
    current = host.get_fact(FileContents, paths=shown) if shown else {}
    for file in changed:
        if file.secret:
            logger.info("%s %s: changes (secret, not shown)", host.print_prefix, file.path)
            continue
        lines = difflib.unified_diff(
            current.get(file.path, "").splitlines(),
            (file.content or "").splitlines(),
            file.path,
            file.path,
            lineterm="",
        )
        for line in lines:
            logger.info("%s   %s", host.print_prefix, printable(line, keep="\t"))


@operation()
def apply(configurations: Sequence[Configuration]) -> Generator[StringCommand, None, None]:
    """
    Check the services' configuration and put it in place, make every service run it, and ask it.

    + configurations: of all services, in the order in which they have to start

    Everything is staged and checked by the services' own checkers before the first file is
    replaced: what fails leaves the host as it was. Whether a service is started, restarted or
    reloaded is decided from the host's state, so that a run that was cut off is made good. Where
    that fails, or a service does not answer then, the last configuration that did is put back, and
    the run fails.
    """
    configurations = [each for each in configurations if not each.service.own_operation]
    files = [file for each in configurations for file in each.files]
    folders = [folder.path for each in configurations for folder in each.service.folders]
    current = host.get_fact(ManagedFiles, paths=[file.path for file in files], folders=folders)
    unconfirmed = current.pop(KEPT, None) is not None
    changed = [file for file in files if not file.is_in_place(current.get(file.path))]
    leftovers = sorted(current.keys() - {file.path for file in files})
    if leftovers:
        yield script(shell("transaction/remove.sh"), *leftovers)
    if changed:
        for file in changed:
            logger.debug("%s %s differs", host.print_prefix, file.path)
        if state.config.DIFF:
            _show_difference(changed)
        checks = [
            each.service.check
            for each in configurations
            if each.enabled and any(file.checked for file in each.files if file in changed)
        ]
        present = [file for file in files if file.content is not None]
        yield replace(checks, present, [file.path for file in changed])

    services = watched(each.service for each in configurations)
    enabled = {each.name for each in configurations if each.enabled}
    states = host.get_fact(Services, watched=services)
    steps = activation(
        states,
        [each for each in services if each.name in enabled],
        [each for each in services if each.name not in enabled],
    )
    if steps or changed or unconfirmed:
        yield activate(steps, services, states, probe_lines(configurations, states))
    if not (leftovers or changed or steps or unconfirmed):
        host.noop("every service runs the wanted configuration")
