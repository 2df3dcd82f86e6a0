"""Which services run, and whether they run the configuration that is on disk."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pyinfra.api import FactBase, StringCommand
from pyinfra.api.exceptions import FactProcessError
from typing_extensions import override

from facts.data import FactData
from facts.shell import script

#: Where a service keeps the time of its last reload by us: gone after a reboot, as it should be.
STAMPS = "/run/mailhost"


@dataclass(frozen=True)
class Service:
    """
    A systemd service and the files (or folders of files) that it reads.

    + name: without its type; what starts a service only when it is needed (a socket, a timer, a
      path) with it
    """

    name: str
    reload_paths: Sequence[str] = ()
    restart_paths: Sequence[str] = ()


SERVICES = (
    Service("systemd-journald", restart_paths=("/etc/systemd/journald.conf.d/mailhost.conf",)),
    Service(
        "opendkim",
        reload_paths=("/etc/opendkim/tables", "/etc/opendkim/from_header.lua"),
        restart_paths=(
            "/etc/opendkim.conf",
            "/etc/systemd/system/opendkim.service.d/mailhost.conf",
        ),
    ),
    Service(
        "opendmarc",
        restart_paths=(
            "/etc/opendmarc.conf",
            "/etc/systemd/system/opendmarc.service.d/mailhost.conf",
        ),
    ),
    Service(
        "mailhost-limits.socket",
        restart_paths=(
            "/etc/mailhost/limits.json",
            "/etc/systemd/system/mailhost-limits.service",
            "/etc/systemd/system/mailhost-limits.socket",
            "/usr/local/lib/mailhost/limits",
            "/usr/local/lib/mailhost/limits.py",
        ),
    ),
    Service(
        "mailhost-certificate.timer",
        restart_paths=("/etc/systemd/system/mailhost-certificate.timer",),
    ),
    Service(
        "mailhost-certificate.path",
        restart_paths=("/etc/systemd/system/mailhost-certificate.path",),
    ),
    Service(
        "postsrsd",
        restart_paths=(
            "/etc/default/postsrsd",
            "/etc/systemd/system/postsrsd.service.d/mailhost.conf",
        ),
    ),
    Service(
        "dovecot",
        reload_paths=("/etc/dovecot/dovecot.conf", "/etc/ssl/mail/mail.pem"),
        restart_paths=("/etc/systemd/system/dovecot.service.d/mailhost.conf",),
    ),
    Service(
        "mailhost-web.socket",
        restart_paths=(
            "/etc/mailhost/web.conf",
            "/etc/systemd/system/mailhost-web.service",
            "/etc/systemd/system/mailhost-web.socket",
        ),
    ),
    Service(
        "fail2ban",
        reload_paths=(
            "/etc/fail2ban/jail.d/mailhost.local",
            "/etc/fail2ban/filter.d/mailhost.conf",
            "/etc/fail2ban/fail2ban.d/mailhost.local",
        ),
    ),
    Service(
        "postfix",
        reload_paths=(
            "/etc/postfix/main.cf",
            "/etc/postfix/master.cf",
            "/etc/postfix/tables",
            "/etc/ssl/mail/mail.pem",
            # An smtpd keeps its connection to Dovecot's old auth process over Dovecot's reload.
            "/etc/dovecot/dovecot.conf",
        ),
        restart_paths=(
            "/etc/systemd/system/postfix.service.d/mailhost.conf",
            "/etc/systemd/system/postfix@.service.d/mailhost.conf",  # Debian 12
        ),
    ),
)


@dataclass(frozen=True)
class ServiceState(FactData):
    """
    One service as it is.

    + unit: the unit that holds the processes (Debian 12: Postfix's is `postfix@-.service`, while
      `postfix.service` is a wrapper that looks active even when Postfix is dead)
    + enabled: starts at boot
    + active: its processes run
    + pid: of the main process, 0 when it is not running
    + action: what it needs to run the configuration on disk: "", "start", "restart" or "reload"
    + state: what systemd says of both, e.g. "masked, inactive"
    + since: when it came to need the action, or else into its state (epoch seconds), 0 for unknown
    + overrides: unit files and drop-ins beside the Debian package's -> when they were made
    """

    unit: str
    enabled: bool
    active: bool
    pid: int
    action: str
    state: str = ""
    since: float = 0.0
    overrides: Mapping[str, float] = field(default_factory=dict)


#: What Debian 12's Postfix runs in, and whether it starts at boot only its wrapper knows.
_INSTANCE = "postfix@-.service"


def unit(name: str) -> str:
    """Return the unit of that name: a service's, where the name has no other type."""
    return name if name.endswith((".socket", ".timer", ".path")) else f"{name}.service"


_UNITS = (*(unit(service.name) for service in SERVICES), _INSTANCE)
_PROPERTIES = (
    "Id",
    "LoadState",
    "ActiveState",
    "MainPID",
    "InactiveExitTimestamp",
    "StateChangeTimestamp",
    "UnitFileState",
)
#: Where the administrator's unit files and drop-ins are, see systemd.unit(5).
_OVERRIDES = ("/etc/systemd/system", "/etc/systemd/system.control", "/run/systemd/system")

# All units in one call, all files in another: a process costs more than what it reads. A rename
# changes a file's ctime but not its mtime, and so does chmod: ctime misses no change.
_SCRIPT = f"""
. /etc/os-release
echo "release $VERSION_ID"
units=$1; shift
systemctl show --timestamp=us+utc -p {",".join(_PROPERTIES)} $units
! read -r pid 2>/dev/null < /var/spool/postfix/pid/master.pid || echo "master $pid"
find "$@" \\( -type f -o -type d -o -lname /dev/null \\) -printf 'file %C@ %T@ %p\\n' 2>/dev/null
true
"""


def _seconds(timestamp: str) -> float:
    """Seconds since the epoch of systemd's "Tue 2026-11-24 11:30:43.676506 UTC"; 0 for none."""
    if not timestamp:
        return 0.0
    parsed = datetime.strptime(timestamp, "%a %Y-%m-%d %H:%M:%S.%f UTC")
    return parsed.replace(tzinfo=UTC).timestamp()


def needed_action(active: bool, started: float, loaded: float, changed: Mapping[str, float]) -> str:
    """
    Return what a service needs to run the configuration on disk.

    + active: its processes run
    + started, loaded: when it was started, and when it was last told to reload (epoch seconds)
    + changed: newest change among its "restart" and its "reload" files (epoch seconds)
    """
    if not active:
        return "start"
    if changed.get("restart", 0.0) > started:
        return "restart"
    if changed.get("reload", 0.0) > max(started, loaded):
        return "reload"
    return ""


def parse_services(output: list[str]) -> dict[str, ServiceState]:
    """Parse what the Services fact's script prints; a service that is not installed is left out."""
    units, files, facts = _sorted(output)
    states = {}
    for service in SERVICES:
        holder, pid = unit(service.name), 0
        block = units.get(holder, {"LoadState": "not-found"})
        if block["LoadState"] == "not-found":
            continue
        enabled = block["UnitFileState"]
        if service.name == "postfix":
            holder = _INSTANCE if facts["release"] == "12" else holder
            block, pid = units[holder], int(facts.get("master", 0))
        active = block["ActiveState"] in ("active", "reloading")
        changed = {
            "reload": _newest(files, service.reload_paths),
            "restart": _newest(files, service.restart_paths),
        }
        _, loaded = files.get(f"{STAMPS}/{service.name}", (0.0, 0.0))
        started = _seconds(block["InactiveExitTimestamp"])
        action = needed_action(active, started, loaded, changed)
        states[service.name] = ServiceState(
            unit=holder,
            enabled=enabled in ("enabled", "enabled-runtime", "static"),
            active=active,
            pid=(pid or int(block.get("MainPID", 0))) if active else 0,
            action=action,
            state=f"{enabled}, {block['ActiveState']}",
            since=changed.get(action) or _seconds(block["StateChangeTimestamp"]),
            overrides=_overrides(files, unit(service.name), holder),
        )
    return states


def _sorted(
    output: list[str],
) -> tuple[dict[str, dict[str, str]], dict[str, tuple[float, float]], dict[str, str]]:
    """Return each unit's properties, path -> (ctime, mtime), and the release and master's pid."""
    units: dict[str, dict[str, str]] = {}
    files: dict[str, tuple[float, float]] = {}
    facts: dict[str, str] = {}
    block: dict[str, str] = {}
    for line in output:
        if not line:  # between two units
            block = {}
        word, _, rest = line.partition(" ")
        key, equals, value = line.partition("=")
        if word == "file":
            changed, modified, path = rest.split(" ", 2)
            files[path] = (float(changed), float(modified))
        elif word in ("release", "master"):
            facts[word] = rest
        elif equals:
            block[key] = value
            if key == "Id":
                units[value] = block
        elif line:
            raise FactProcessError(f"unexpected line from systemctl: {line!r}")
    return units, files, facts


def _override_paths(*units: str) -> list[str]:
    """Return the unit files and drop-in folders of units, of a template, and of what they start."""
    names = {each for unit in units for each in (unit, re.sub("@.*[.]", "@.", unit))}
    names |= {re.sub("[.](socket|timer|path)$", ".service", name) for name in names}
    files = [f"{folder}/{name}" for folder in _OVERRIDES for name in sorted(names)]
    return [*files, *(f"{file}.d" for file in files)]


def _overrides(files: Mapping[str, tuple[float, float]], *units: str) -> dict[str, float]:
    """Return what is in those places -> when it was made."""
    places = _override_paths(*units)
    return {
        path: modified
        for path, (_, modified) in files.items()
        if (path in places and not path.endswith(".d"))
        or (path.endswith(".conf") and path.rpartition("/")[0] in places)
    }


def _newest(files: Mapping[str, tuple[float, float]], paths: Sequence[str]) -> float:
    """Return when the last of these files, or of the files in these folders, changed."""
    return max(
        (
            changed
            for path, (changed, _) in files.items()
            if any(path == each or path.startswith(f"{each}/") for each in paths)
        ),
        default=0.0,
    )


class Services(FactBase[dict[str, ServiceState]]):
    """
    Returns the state of the mail host's services, and what each needs to run the configuration
    that is on disk, decided from the host alone (systemctl(1) start time, file change times):

    .. code:: python

        {"postfix": ServiceState("postfix.service", True, True, 812, action="reload")}
    """

    default = dict

    @override
    def requires_command(self, *args: object, **kwargs: object) -> str:
        return "systemctl"

    @override
    def command(self) -> StringCommand:
        paths = [path for each in SERVICES for path in (*each.reload_paths, *each.restart_paths)]
        return script(_SCRIPT, " ".join(_UNITS), STAMPS, *paths, *_override_paths(*_UNITS))

    @override
    def process(self, output: list[str]) -> dict[str, ServiceState]:
        return parse_services(output)
