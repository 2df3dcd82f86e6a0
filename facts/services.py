"""Which services run, and whether they run the configuration that is on disk."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pyinfra.api import StringCommand
from pyinfra.api.exceptions import FactProcessError

from facts.data import FactData
from facts.fact import Fact
from facts.shell import requires, script
from facts.watched import Watched
from layout import KEPT, STAMPS


@dataclass(frozen=True)
class ServiceState(FactData):
    """
    The state of one service.

    + unit: the unit that holds the processes (on Debian 12, Postfix's is `postfix@-.service`;
      `postfix.service` is a wrapper that looks active even when Postfix is dead)
    + enabled: starts at boot
    + active: its processes run
    + pid: of the main process, 0 when it is not running
    + action: what it needs to run the configuration on disk: "", "start", "restart" or "reload"
    + state: systemd's words for enabled and active, e.g. "masked, inactive"
    + since: when the need for the action arose; without one, when the state began (epoch seconds,
      0 for unknown)
    + overrides: path of each unit file and drop-in beside Debian's -> when it was made
    """

    unit: str
    enabled: bool
    active: bool
    pid: int
    action: str
    state: str = ""
    since: float = 0.0
    overrides: Mapping[str, float] = field(default_factory=dict)


#: Where the administrator's unit files and drop-ins are, see systemd.unit(5).
_OVERRIDES = ("/etc/systemd/system", "/etc/systemd/system.control", "/run/systemd/system")

#: Where the files are that a change which is not confirmed has replaced or removed.
_REPLACED = f"{KEPT}/present"

# One call for all units, one for all files: starting a process takes longer than reading. A rename
# and chmod change a file's ctime but not its mtime: only ctime misses no change.
_SCRIPT = """
. /etc/os-release
echo "release $VERSION_ID"
units=$1; shift
systemctl show --timestamp=us+utc -p Id,LoadState,ActiveState,MainPID,UnitFileState \
  -p InactiveExitTimestamp,StateChangeTimestamp $units
find "$@" \\( -type f -o -type d -o -lname /dev/null \\) -printf 'file %C@ %T@ %p\\n' 2>/dev/null
true
"""


def _seconds(timestamp: str) -> float:
    """Return epoch seconds of systemd's "Tue 2026-11-24 11:30:43.676506 UTC"; 0 for ""."""
    if not timestamp:
        return 0.0
    parsed = datetime.strptime(timestamp, "%a %Y-%m-%d %H:%M:%S.%f UTC")
    return parsed.replace(tzinfo=UTC).timestamp()


def needed_action(active: bool, started: float, loaded: float, changed: Mapping[str, float]) -> str:
    """
    Return what a service needs to run the configuration on disk.

    + active: its processes run
    + started, loaded: when it was started, and when it last reloaded (epoch seconds)
    + changed: action -> newest change of a file that needs it (epoch seconds)
    """
    if not active:
        return "start"
    if changed.get("restart", 0.0) > started:
        return "restart"
    if changed.get("reload", 0.0) > max(started, loaded):
        return "reload"
    return ""


def parse_services(output: list[str], watched: Sequence[Watched]) -> dict[str, ServiceState]:
    """Parse what the Services fact's script prints; a service that is not installed is left out."""
    units, files, release = _sorted(output)
    states = {}
    for service in watched:
        block = units.get(service.unit, {"LoadState": "not-found"})
        if block["LoadState"] == "not-found":
            continue
        enabled = block["UnitFileState"]
        holder = service.holders.get(release, service.unit)
        block = units[holder]
        active = block["ActiveState"] in ("active", "reloading")
        changed = _newest(files, service.effects)
        _, loaded = files.get(f"{STAMPS}/{service.name}", (0.0, 0.0))
        started = _seconds(block["InactiveExitTimestamp"])
        action = needed_action(active, started, loaded, changed)
        states[service.name] = ServiceState(
            unit=holder,
            enabled=enabled in ("enabled", "enabled-runtime", "static"),
            active=active,
            pid=int(block.get("MainPID", 0)) if active else 0,
            action=action,
            state=f"{enabled}, {block['ActiveState']}",
            since=changed.get(action) or _seconds(block["StateChangeTimestamp"]),
            overrides=_overrides(files, service.unit, holder),
        )
    return states


def _sorted(
    output: list[str],
) -> tuple[dict[str, dict[str, str]], dict[str, tuple[float, float]], str]:
    """Return each unit's properties, path -> (ctime, mtime), and the Debian release."""
    units: dict[str, dict[str, str]] = {}
    files: dict[str, tuple[float, float]] = {}
    release = ""
    block: dict[str, str] = {}
    for line in output:
        if not line:  # between two units
            block = {}
        word, _, rest = line.partition(" ")
        key, equals, value = line.partition("=")
        if word == "file":
            changed, modified, path = rest.split(" ", 2)
            files[path] = (float(changed), float(modified))
        elif word == "release":
            release = rest
        elif equals:
            block[key] = value
            if key == "Id":
                units[value] = block
        elif line:
            raise FactProcessError(f"unexpected line from systemctl: {line!r}")
    return units, files, release


def _override_paths(*units: str) -> list[str]:
    """Return paths for unit files and drop-ins of units, of their templates, of what they start."""
    names = {each for unit in units for each in (unit, re.sub("@.*[.]", "@.", unit))}
    names |= {re.sub("[.](socket|timer|path)$", ".service", name) for name in names}
    files = [f"{folder}/{name}" for folder in _OVERRIDES for name in sorted(names)]
    return [*files, *(f"{file}.d" for file in files)]


def _overrides(files: Mapping[str, tuple[float, float]], *units: str) -> dict[str, float]:
    """Return path -> when it was made, of each unit file and drop-in that exists."""
    places = _override_paths(*units)
    return {
        path: modified
        for path, (_, modified) in files.items()
        if (path in places and not path.endswith(".d"))
        or (path.endswith(".conf") and path.rpartition("/")[0] in places)
    }


def _newest(
    files: Mapping[str, tuple[float, float]], effects: Mapping[str, str]
) -> dict[str, float]:
    """
    Return action -> when a file that needs it, or a file in such a folder, last changed.

    A file that is gone has left its copy with those of the unconfirmed change.
    """
    newest: dict[str, float] = {}
    replaced = {path.removeprefix(_REPLACED): times for path, times in files.items()}
    for path, (changed, _) in {**replaced, **files}.items():
        for place, action in effects.items():
            if path == place or path.startswith(f"{place}/"):
                newest[action] = max(changed, newest.get(action, 0.0))
    return newest


class Services(Fact[dict[str, ServiceState]]):
    """
    Returns the state of the mail host's services, and what each needs to run the configuration
    on disk, from start times (systemctl(1)) and file change times on the host.

    + watched: the services to look at; without it, those of services/

    .. code:: python

        {"postfix": ServiceState("postfix.service", True, True, 812, action="reload")}
    """

    default = dict
    requires_command = requires("systemctl")

    def command(self, watched: Sequence[Watched] | None = None) -> StringCommand:
        self._watched = declared() if watched is None else watched
        units = [unit for each in self._watched for unit in each.units]
        paths = dict.fromkeys(path for each in self._watched for path in each.effects)
        return script(_SCRIPT, " ".join(units), STAMPS, _REPLACED, *paths, *_override_paths(*units))

    def process(self, output: list[str]) -> dict[str, ServiceState]:
        return parse_services(output, self._watched)


def declared() -> Sequence[Watched]:
    """Return what services/ declares: for `make fact`, which can pass no argument."""
    from services.all import ALL
    from services.configuration import watched

    return watched(ALL)
