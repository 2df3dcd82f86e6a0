"""Which services run, and whether they run the configuration that is on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    """A systemd service and the files (or folders of files) that it reads."""

    name: str
    reload_paths: Sequence[str] = ()
    restart_paths: Sequence[str] = ()


SERVICES = (
    Service("systemd-journald", restart_paths=("/etc/systemd/journald.conf.d/mailhost.conf",)),
    Service(
        "opendkim",
        reload_paths=("/etc/opendkim/tables",),
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
    Service("postsrsd", restart_paths=("/etc/default/postsrsd",)),
    Service(
        "dovecot",
        reload_paths=("/etc/dovecot/dovecot.conf", "/etc/ssl/mail/mail.pem"),
        restart_paths=("/etc/systemd/system/dovecot.service.d/mailhost.conf",),
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
            "/etc/systemd/system/postfix@-.service.d/mailhost.conf",  # Debian 12
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
    """

    unit: str
    enabled: bool
    active: bool
    pid: int
    action: str


# A rename changes a file's ctime but not its mtime, and so does chmod: ctime misses no change.
_SCRIPT = """
. /etc/os-release
for argument; do
  case $argument in
  service=*)
    name=${argument#service=}; unit=$name.service
    [ "$name" = postfix ] && [ "$VERSION_ID" = 12 ] && unit=postfix@-.service
    echo "service $name $unit"
    systemctl is-enabled "$name.service" 2>/dev/null | sed 's/^/enabled /'
    systemctl show --timestamp=us+utc -p LoadState,ActiveState,MainPID,InactiveExitTimestamp "$unit"
    if [ "$name" = postfix ] && [ -s /var/spool/postfix/pid/master.pid ]; then
      echo "MainPID=$(tr -d ' ' < /var/spool/postfix/pid/master.pid)"
    fi
    [ ! -e "$1/$name" ] || stat -c 'loaded %.9Y' "$1/$name"
    ;;
  *=*)
    find "${argument#*=}" -type f -printf "${argument%%=*} %C@\\n" 2>/dev/null
    [ ! -d "${argument#*=}" ] || stat -c "${argument%%=*} %.9Z" "${argument#*=}"
    ;;
  esac
done
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
    states = {}
    for block in _blocks(output):
        name, unit = block["service"][0].split()
        if block["LoadState"] == ["not-found"]:
            continue
        active = block["ActiveState"][0] in ("active", "reloading")
        newest: dict[str, float] = {
            kind: max(map(float, block[kind])) for kind in ("restart", "reload") if kind in block
        }
        states[name] = ServiceState(
            unit=unit,
            enabled=block.get("enabled", [""])[0] in ("enabled", "enabled-runtime", "static"),
            active=active,
            pid=int(block["MainPID"][-1]) if active else 0,
            action=needed_action(
                active,
                _seconds(block["InactiveExitTimestamp"][0]),
                float(block.get("loaded", ["0"])[0]),
                newest,
            ),
        )
    return states


def _blocks(output: list[str]) -> list[dict[str, list[str]]]:
    blocks: list[dict[str, list[str]]] = []
    for line in output:
        separator = "=" if "=" in line.partition(" ")[0] else " "
        key, _, value = line.partition(separator)
        if key == "service":
            blocks.append({})
        if not blocks:
            raise FactProcessError(f"unexpected line before the first service: {line!r}")
        blocks[-1].setdefault(key, []).append(value)
    return blocks


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
    def command(self, services: Sequence[Service] = SERVICES) -> StringCommand:
        arguments = [STAMPS]
        for service in services:
            arguments.append(f"service={service.name}")
            arguments += [f"reload={path}" for path in service.reload_paths]
            arguments += [f"restart={path}" for path in service.restart_paths]
        return script(_SCRIPT, *arguments)

    @override
    def process(self, output: list[str]) -> dict[str, ServiceState]:
        return parse_services(output)
