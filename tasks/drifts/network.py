"""Drift of what the host shows to the network: firewall, ports, the certificate on each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from ipaddress import ip_address

from facts.firewall import RULES, FirewallState
from facts.live import Listener, LiveState
from facts.tls import CertificateState
from layout import PEM
from operations.certificate import renewal_reason
from services import renewal
from services.configuration import Configuration
from services.service import Service
from settings.models import Settings
from tasks.drifts.row import Row, moment
from wanted.certificates import uncovered

#: With a socket unit, systemd holds sshd's.
_SSH = {"sshd", "systemd", "init"}


def servers(configurations: Iterable[Configuration]) -> dict[int, Service]:
    """Return port -> service of all that has to listen, in TLS."""
    found = {
        port: each.service for each in configurations if each.enabled for port in each.service.ports
    }
    return dict(sorted(found.items()))


def listeners(
    servers: Mapping[int, Service],
    found: Collection[Listener] | None,
    inactive: Collection[str],
    ssh: Collection[int],
    known: Collection[int],
) -> Iterator[Row]:
    """
    Name the TCP ports that others can reach and nobody asked for, and those that are missing.

    + servers: port -> service that has to listen there
    + inactive: services that don't run: their ports are not missed
    + ssh: ports of sshd
    + known: ports of other software, `mail_open_ports`
    """
    if found is None:
        yield Row("ports", "known ones", "ss(8) could not be run")
        return
    reachable = [each for each in found if not _loopback(each.address)]
    for port in sorted({each.port for each in reachable}):
        each = [one for one in reachable if one.port == port]
        names = {name for one in each for name in one.processes}
        if not _expected(port, names, servers.get(port), ssh, known):
            where = ", ".join(sorted({one.address for one in each}))
            who = ", ".join(sorted(names)) or "a process"
            since = min((one.since for one in each if one.since), default=0.0)
            wanted = servers[port].name if port in servers else "nothing listens"
            yield Row(f"port {port}", wanted, f"{who} on {where}", moment(since))
    for port, service in servers.items():
        if service.name not in inactive and port not in {each.port for each in reachable}:
            yield Row(f"port {port}", service.name, "nothing listens")


def _expected(
    port: int,
    names: Collection[str],
    service: Service | None,
    ssh: Collection[int],
    known: Collection[int],
) -> bool:
    if service:
        return not names or not service.listeners.isdisjoint(names)
    if port in ssh and (not names or _SSH & set(names)):
        return True
    return port in known


def _loopback(address: str) -> bool:
    found = ip_address(address)
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_loopback


def firewall(settings: Settings, found: FirewallState) -> Iterator[Row]:
    """Judge the rules in force; what is in their files is judged as other files are."""
    if not settings.mail_firewall:
        if found.table:
            yield Row("firewall", "none", "rules in force")
        return
    wanted = f"the rules of {RULES}"
    if found.unconfirmed:
        yield Row("firewall", wanted, "rules that no run has confirmed")
    elif not found.table:
        yield Row("firewall", wanted, "no rules")
    elif not found.loaded and RULES in found.files:
        yield Row("firewall", wanted, "other rules")
    if not found.enabled:
        yield Row("firewall", "loaded at boot", "not")


def certificates(
    settings: Settings, live: LiveState, asked: Collection[int], now: datetime
) -> Iterator[Row]:
    """
    Judge the certificate on disk, and whether each port shows it.

    + asked: ports that have to show one: where the service runs and listens
    """
    disk, served = live.certificate, live.served
    if not settings.mail_tls.trusted_by_others and (
        reason := renewal_reason(disk, settings.names, now)
    ):
        wanted = f"self-signed, for {', '.join(settings.names)}"
        yield Row(PEM, wanted, reason, _since(disk, now))
    if disk is None:
        return  # files are judged as files
    if settings.mail_tls.trusted_by_others and disk.not_after < now:
        yield Row(PEM, "a valid certificate", _until(disk), disk.not_after)
    if renewal.enabled(settings) and (found := _unfit(settings, disk)):
        yield Row(PEM, f"issued, for {', '.join(settings.names)}", found, disk.not_before)
    mute = [port for port in asked if port not in served]
    if mute:
        yield Row(_ports("TLS", mute), _until(disk), "no certificate within 10 seconds")
    others = {served[port].sha256: served[port] for port in asked if port in served}
    for sha256, shown in others.items():
        if sha256 != disk.sha256:
            ports = [port for port in asked if port in served and served[port].sha256 == sha256]
            found = f"another, for {', '.join(shown.names) or 'no name'}, {_until(shown)}"
            yield Row(_ports("certificate", ports), f"that of {PEM}", found, shown.not_before)


def _unfit(settings: Settings, disk: CertificateState) -> str:
    """Return why the host has to bring another certificate than the one on disk, its end apart."""
    if disk.self_signed:
        return "self-signed"
    if missing := uncovered(disk.names, settings.names):
        return f"not for {', '.join(missing)}"
    return "" if disk.key_matches else "its key is another"


def _since(disk: CertificateState | None, now: datetime) -> datetime | None:
    """Return when a certificate became wrong: at its end, or as it was made."""
    if disk is None:
        return None
    return disk.not_after if disk.not_after < now else disk.not_before


def _until(certificate: CertificateState) -> str:
    return f"ends on {certificate.not_after:%Y-%m-%d}"


def _ports(what: str, ports: Collection[int]) -> str:
    return f"{what} on port{'s' if len(ports) > 1 else ''} {', '.join(map(str, sorted(ports)))}"


def asked(
    servers: Mapping[int, Service], found: Collection[Listener] | None, inactive: Collection[str]
) -> list[int]:
    """Return the ports that have to show a certificate; none of Postfix while anything is down."""
    # Without its milter, Postfix says "later" before it gets to TLS.
    held = {"postfix"} if inactive else set()
    listening = {each.port for each in found or ()}
    return [
        port
        for port, service in servers.items()
        if port in listening and service.name not in held | set(inactive)
    ]
