"""Checks of the machine below the mail services and its network: the Health and Services facts."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from ipaddress import ip_address

from facts.health import HealthState
from facts.services import ServiceState
from services.all import ALL
from services.configuration import served_ports
from services.postfix import QUEUE_MINFREE
from services.service import Service
from settings.models import Settings
from tasks.checks.finding import Finding, Severity
from tasks.checks.judging import plain, unknown

MIB, GIB = 2**20, 2**30
HOUR = 3600
#: Packages that the outside talks to, and those that do their TLS.
_SERVERS = ("postfix", "dovecot", "opendkim", "opendmarc", "openssh", "postsrsd", "lighttpd")
_TLS = ("libssl", "openssl")
OLD_LISTS = 14 * 24 * HOUR
#: SSH may be open to the outside too, on whatever port its daemon listens.
SSH, SSH_DAEMON = 22, "sshd"
#: A web server beside the mail is nothing unusual.
WEB_PORTS = frozenset({80, 443})

UNREAD = "the host did not say"


def expected(settings: Settings, services: Sequence[Service] = ALL) -> list[str]:
    """Return our services that run under these settings."""
    return [each.name for each in services if each.is_watched and each.enabled(settings)]


def inactive(settings: Settings, services: Mapping[str, ServiceState]) -> list[str]:
    """Return our services that should run and don't."""
    names = expected(settings)
    return [name for name in names if name not in services or not services[name].active]


def findings(
    settings: Settings,
    health: HealthState,
    services: Mapping[str, ServiceState],
    read: tuple[float, float],
) -> list[Finding]:
    """Judge the host's facts; `read` is our time before and after that, in epoch seconds."""
    return [
        units(settings, services, health.failed_units),
        clock(health, read),
        *disks(health, settings.mail_message_size_limit),
        memory(health),
        queue(health, "postfix" in inactive(settings, services)),
        updates(health, read[1]),
        postfix_support(health),
    ]


def units(
    settings: Settings, services: Mapping[str, ServiceState], failed_units: Collection[str] | None
) -> Finding:
    """host.units: our services run and start at boot, and no other unit failed."""
    here = [name for name in expected(settings) if name in services]
    stopped = inactive(settings, services)
    not_enabled = [name for name in here if not services[name].enabled]
    ours = {state.unit for state in services.values()}
    others = [unit for unit in failed_units or () if unit not in ours]
    seen = [
        *(f"{name} does not run" for name in stopped),
        *(f"{name} does not start at boot" for name in not_enabled),
        *(f"{unit} failed" for unit in others),
    ]
    remedies = []
    if stopped or not_enabled:
        remedies.append("run deploy.py, which starts and enables them")
    if stopped or others:
        first = (stopped + others)[0]
        unit = services[first].unit if first in services else first
        remedies.append(f"see `journalctl -u {unit}` on the host")
    severity = Severity.RECOMMENDED if seen and not stopped else Severity.REQUIRED
    shown = "; ".join(seen) or ", ".join(here)
    wanted = "all services run, and start at boot"
    return plain("host.units", "services", severity, bool(seen), shown, wanted, "; ".join(remedies))


def offset(clock: tuple[float, float], read: tuple[float, float]) -> float:
    """
    Return by how many seconds the host's clock is ahead of ours, at least.

    + clock: the host's time at the begin and at the end of the fact's command
    + read: ours before and after it; the time that the way takes is not the clock's fault
    """
    most, least = clock[0] - read[0], clock[1] - read[1]
    return least if least > 0 else most if most < 0 else 0.0


def clock(health: HealthState, read: tuple[float, float]) -> Finding:
    """host.clock: it is right, and kept right: signatures and certificates go by it."""
    id, wanted = "host.clock", "right to 5 seconds, and kept so by a daemon"
    if health.clock is None:
        return unknown(id, "clock", Severity.REQUIRED, UNREAD, wanted)
    ahead = offset(health.clock, read)
    severity, seen, remedy = Severity.REQUIRED, "as this machine's", ""
    if abs(ahead) > 5:
        severity = Severity.REQUIRED if abs(ahead) > 60 else Severity.RECOMMENDED
        seen = f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} this machine's"
        remedy = "see `timedatectl` on the host, and on this machine"
    elif health.clock_synchronised is False:
        severity, seen = Severity.RECOMMENDED, "right, but no daemon keeps it so"
        remedy = "see `timedatectl` on the host; UDP port 123 has to be open outwards"
    return plain(id, "clock", severity, bool(remedy), seen, wanted, remedy)


def disks(health: HealthState, message_size: int) -> list[Finding]:
    """host.disk: room for mail, on each file system that holds some or fills up otherwise."""
    id, wanted = "host.disk", "a tenth or 5 GiB free, and a tenth of the inodes"
    if not health.disks:
        return [unknown(id, "/", Severity.REQUIRED, UNREAD, wanted)]
    found = []
    least = max(QUEUE_MINFREE, 1.5 * message_size)  # postconf(5), queue_minfree
    for folder, disk in health.disks.items():
        size, free = disk["size"], disk["available"]
        inodes, free_inodes = disk["inodes"], disk["inodes_available"]
        full = free < least or free_inodes * 100 < inodes
        short = (free * 10 < size and free < 5 * GIB) or free_inodes * 10 < inodes
        severity = Severity.RECOMMENDED if short and not full else Severity.REQUIRED
        share = 100 * free_inodes // inodes if inodes else 100
        seen = f"{free / GIB:.1f} of {size / GIB:.1f} GiB and {share} % of the inodes free"
        remedy = f"free some: `du -xh --max-depth=3 {folder} | sort -h` shows what takes it"
        found.append(plain(id, folder, severity, full or short, seen, wanted, remedy))
    return found


def memory(health: HealthState) -> Finding:
    """host.memory: enough is available, and swap is not all in use."""
    id, wanted = "host.memory", "64 MiB available, and a tenth of the swap"
    if health.memory is None or health.swap is None:
        return unknown(id, "memory", Severity.RECOMMENDED, UNREAD, wanted)
    (total, available), (swap, free) = health.memory, health.swap
    short = available < 64 * MIB or free * 10 < swap
    seen = f"{available // MIB} of {total // MIB} MiB available"
    seen += f", {free // MIB} of {swap // MIB} MiB of swap free" if swap else ", no swap"
    remedy = "see `ps aux --sort=-rss | head` for what takes it, or take a larger machine"
    return plain(id, "memory", Severity.RECOMMENDED, short, seen, wanted, remedy)


def queue(health: HealthState, postfix_stopped: bool) -> Finding:
    """host.queue: mail goes out; some always waits for a host that is down, but not for long."""
    id, wanted = "host.queue", "at most 500 messages, none waiting for more than 4 hours"
    if health.queue is None or postfix_stopped:
        why = "postfix not running (host.units)" if postfix_stopped else UNREAD
        return unknown(id, "queue", Severity.RECOMMENDED, why, wanted)
    queues = {name: each for name, each in health.queue.items() if each["count"]}
    waiting = [each for name, each in queues.items() if name != "hold"]
    oldest = max((each["oldest_age"] for each in waiting), default=0)
    counts = ", ".join(f"{each['count']} {name}" for name, each in queues.items())
    seen = f"{counts}; the oldest for {oldest / HOUR:.1f} hours" if counts else "empty"
    many = sum(each["count"] for each in waiting) > 500
    bad = many or oldest > 4 * HOUR or "corrupt" in queues
    remedy = "`postqueue -p` on the host says why each message waits"
    return plain(id, "queue", Severity.RECOMMENDED, bad, seen, wanted, remedy)


def updates(health: HealthState, now: float) -> Finding:
    """host.updates: no update of what faces the outside waits, by the lists that apt has."""
    id, wanted = "host.updates", "no update of a mail package or of OpenSSL waits"
    if health.updates is None or health.lists_from is None:
        return unknown(id, "packages", Severity.RECOMMENDED, "no package lists", wanted)
    if now - health.lists_from > OLD_LISTS:
        since = datetime.fromtimestamp(health.lists_from, UTC)
        why = f"the package lists are of {since:%Y-%m-%d}: run `apt-get update` on the host"
        return unknown(id, "packages", Severity.RECOMMENDED, why, wanted)
    ours = [name for name in health.updates if name.startswith((*_SERVERS, *_TLS))]
    seen = f"{len(health.updates)} updates wait" if health.updates else "none waits"
    seen += f", among them {', '.join(ours)}" if ours else ""
    remedy = "run `apt-get upgrade` on the host"
    return plain(id, "packages", Severity.RECOMMENDED, bool(ours), seen, wanted, remedy)


def postfix_support(health: HealthState) -> Finding:
    """host.postfix_support: Postfix's authors maintain four releases; Debian 12's is too old."""
    id, wanted = "host.postfix_support", "a Postfix that its authors maintain"
    if not health.postfix:
        return unknown(id, "Postfix", Severity.INFO, UNREAD, wanted)
    seen = f"Postfix {health.postfix}"
    if health.postfix.startswith("3.7."):
        # No failure: nothing is wrong with the host, and Debian mends what is a danger.
        seen += ": its authors' updates have ended, those of Debian LTS go on until mid-2028"
    return plain(id, "Postfix", Severity.INFO, False, seen, wanted, "")


# ---- the network ------------------------------------------------------------------------------
def target(settings: Settings) -> str:
    """Return the host:port that the host must be able to connect to."""
    return settings.mail_relayhost or settings.mail_check_outbound


def network(settings: Settings, health: HealthState) -> list[Finding]:
    """Judge what the host can reach, and which of its ports are open."""
    return [outbound(settings, health), listening(settings, health)]


def outbound(settings: Settings, health: HealthState) -> Finding:
    """net.outbound: port 25 is open outwards, or the smarthost can be reached."""
    check, subject = "net.outbound", f"{target(settings)} from the host"
    wanted = "a connection, and a greeting"
    if not health.outbound:
        return unknown(check, subject, Severity.REQUIRED, UNREAD, wanted)
    state, _, greeting = health.outbound.partition(" ")
    if state != "open":
        seen, failed = health.outbound, True
    elif greeting.startswith("220") or target(settings).endswith(":465"):
        seen, failed = greeting or "open", False  # on 465 the server does not speak first
    else:
        seen, failed = f"open, but it says {greeting or 'nothing'}", True
    remedy = "ask the provider to open port 25 outwards, or send by a smarthost (mail_relayhost)"
    if settings.mail_relayhost:
        remedy = "see whether the smarthost runs, and whether the provider lets its port out"
    if "not known" in seen or "resolution" in seen:
        remedy = "see /etc/resolv.conf on the host: it can't look the name up"
    return plain(check, subject, Severity.REQUIRED, failed, seen, wanted, remedy)


def listening(settings: Settings, health: HealthState) -> Finding:
    """host.listening: only the ports of mail, its web server and SSH are open to the public."""
    check, subject = "host.listening", "public TCP ports"
    served = {SSH, *served_ports(ALL, settings)}
    wanted = f"{', '.join(map(str, sorted(served)))} only"
    if health.listening is None:
        return unknown(check, subject, Severity.RECOMMENDED, UNREAD, wanted)
    public = {
        port: process
        for address, port, process in health.listening
        if not ip_address(address).is_loopback and process != SSH_DAEMON
    }
    others = {port: process for port, process in public.items() if port not in served}
    seen = ", ".join(f"{port} {others[port]}".strip() for port in sorted(others))
    severity = Severity.INFO if others.keys() <= WEB_PORTS and others else Severity.RECOMMENDED
    remedy = "stop it, bind it to 127.0.0.1, or keep it out by the firewall"
    return plain(check, subject, severity, bool(others), seen or "no others", wanted, remedy)
