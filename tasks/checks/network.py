"""Checks of the host's network by the Health fact: what it can reach, and which ports are open."""

from __future__ import annotations

from ipaddress import ip_address

from facts.health import HealthState
from services.all import ALL
from services.configuration import served_ports
from settings.models import Settings
from tasks.checks.finding import Finding, Severity
from tasks.checks.judging import plain, unknown
from tasks.checks.machine import UNREAD

#: SSH may be open to the outside too, on whatever port its daemon listens.
SSH, SSH_DAEMON = 22, "sshd"
#: A web server beside the mail is nothing unusual.
WEB_PORTS = frozenset({80, 443})


def target(settings: Settings) -> str:
    """Return the host:port that the host must be able to connect to."""
    return settings.mail_relayhost or settings.mail_check_outbound


def findings(settings: Settings, health: HealthState) -> list[Finding]:
    """Return the findings on the host's network."""
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
