"""Drift of the services: stopped, disabled, masked, overridden, or of an older configuration."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from facts.services import SERVICES, ServiceState, unit
from services.service import Configuration
from tasks.drifts.row import Row, moment


def wanted(configurations: Sequence[Configuration]) -> list[str]:
    """Return the services that have to run."""
    return [each.service for each in configurations if each.service and each.runs]


def states(
    configurations: Sequence[Configuration],
    services: Mapping[str, ServiceState],
    drifted: Collection[str],
) -> Iterator[Row]:
    """
    Judge whether each service runs, does so after a boot, and has read its configuration.

    + drifted: files that have a row of their own: that they are newer than the service is no other
    """
    for name in wanted(configurations):
        state = services.get(name)
        if state is None:
            yield Row(name, "installed and running", "not installed")
            continue
        if not state.enabled:
            masked = max(_masks(name, state).values(), default=0.0)
            enablement = state.state.partition(",")[0] or "disabled"
            yield Row(name, "starts at boot", enablement, moment(masked))
        if not state.active:
            yield Row(name, "running", state.state.rpartition(" ")[2], moment(state.since))
        elif state.action and not any(_reads(name, path) for path in drifted):
            found = f"an older one, it needs a {state.action}"
            yield Row(name, "runs what is on disk", found, moment(state.since))
    for each in configurations:
        state = services.get(each.service or "")
        if state and not each.runs and (state.active or state.enabled):
            found = "running" if state.active else "starts at boot"
            yield Row(each.service or "", "stopped and disabled", found, moment(state.since))


def _reads(name: str, path: str) -> bool:
    """Return whether a service reads this file, by itself or as one of a folder."""
    (service,) = (each for each in SERVICES if each.name == name)
    places = (*service.reload_paths, *service.restart_paths)
    return any(path == place or path.startswith(f"{place}/") for place in places)


def overrides(
    configurations: Sequence[Configuration], services: Mapping[str, ServiceState]
) -> Iterator[Row]:
    """Name the unit files and drop-ins that neither the package nor the deploy put there."""
    ours = {file.path for each in configurations for file in each.files if file.content is not None}
    for name in wanted(configurations):
        if state := services.get(name):
            strange = state.overrides.keys() - ours - _masks(name, state).keys()
            for path in sorted(strange):
                yield Row(path, "no such file", f"changes {name}", moment(state.overrides[path]))


def _masks(name: str, state: ServiceState) -> dict[str, float]:
    """Return what masks a masked service; systemctl(1) links the unit's name to /dev/null."""
    if not state.state.startswith("masked"):
        return {}
    paths = [path for path in state.overrides if path.endswith(f"/{unit(name)}")]
    return {path: state.overrides[path] for path in paths}
