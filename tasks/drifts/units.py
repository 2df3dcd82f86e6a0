"""Drift of the services: stopped, disabled, masked, overridden, or of an older configuration."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

from facts.services import ServiceState
from services.configuration import Configuration
from tasks.drifts.report import Row, moment


def wanted(configurations: Iterable[Configuration]) -> list[Configuration]:
    """Return those of the services that have to run."""
    return [each for each in configurations if each.enabled and each.service.is_watched]


def states(
    configurations: Sequence[Configuration],
    services: Mapping[str, ServiceState],
    drifted: AbstractSet[str],
) -> Iterator[Row]:
    """Judge whether each service runs, does so after a boot, and has read its configuration."""
    for each in wanted(configurations):
        name, state = each.name, services.get(each.name)
        if state is None:
            yield Row(name, "installed and running", "not installed")
            continue
        if not state.enabled:
            masked = max(_masks(each, state).values(), default=0.0)
            enablement = state.state.partition(",")[0] or "disabled"
            yield Row(name, "starts at boot", enablement, moment(masked))
        if not state.active:
            yield Row(name, "running", state.state.rpartition(" ")[2], moment(state.since))
        elif state.action and drifted.isdisjoint(each.service.effects):  # drifted files have rows
            found = f"an older one, it needs a {state.action}"
            yield Row(name, "runs what is on disk", found, moment(state.since))
    for each in configurations:
        state = services.get(each.name)
        if state and not each.enabled and (state.active or state.enabled):
            found = "running" if state.active else "starts at boot"
            yield Row(each.name, "stopped and disabled", found, moment(state.since))


def overrides(
    configurations: Sequence[Configuration], services: Mapping[str, ServiceState]
) -> Iterator[Row]:
    """Name the unit files and drop-ins that neither the package nor the deploy put there."""
    ours = {file.path for each in configurations for file in each.files if file.content is not None}
    for each in wanted(configurations):
        if state := services.get(each.name):
            strange = state.overrides.keys() - ours - _masks(each, state).keys()
            for path in sorted(strange):
                since = moment(state.overrides[path])
                yield Row(path, "no such file", f"changes {each.name}", since)


def _masks(masked: Configuration, state: ServiceState) -> dict[str, float]:
    """Return path -> time of the links to /dev/null by which systemctl(1) masks a unit."""
    if not state.state.startswith("masked"):
        return {}
    paths = [path for path in state.overrides if path.endswith(f"/{masked.service.unit}")]
    return {path: state.overrides[path] for path in paths}
