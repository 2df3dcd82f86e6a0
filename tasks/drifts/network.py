"""Drift of what the host shows to the network: firewall, ports, the certificate on each."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from ipaddress import ip_address

from facts.firewall import RULES, FirewallState
from facts.live import Listener, LiveState
from facts.tls import CertificateState
from layout import PEM, PORTS_WITH_TLS
from operations.certificate import renewal_reason
from services import renewal
from services.configuration import Configuration
from services.service import Service
from settings.models import Settings
from tasks.drifts.report import Row, moment
from wanted.certificates import uncovered

#: What listens on sshd's ports; with a socket unit it is systemd.
_SSH = {"sshd", "systemd", "init"}


def servers(configurations: Iterable[Configuration]) -> dict[int, Service]:
    """Return port -> service of all that has to listen, in TLS."""
    found = {
        port: each.service for each in configurations if each.enabled for port in each.service.ports
    }
    return dict(sorted(found.items()))


def listeners(
    servers: Mapping[int, Service],  # port -> service that has to listen there
    found: Collection[Listener] | None,
    inactive: Collection[str],  # services that don't run: their ports are not missed
    ssh: Collection[int],  # ports of sshd
    known: Collection[int],  # ports of other software, `mail_open_ports`
) -> Iterator[Row]:
    """Name the TCP ports that others can reach and nobody asked for, and those that are missing."""
    if found is None:
        yield Row("ports", "known ones", "ss(8) could not be run")
        return
    reachable: dict[int, list[Listener]] = {}
    for each in found:
        address = ip_address(each.address)
        if not (getattr(address, "ipv4_mapped", None) or address).is_loopback:
            reachable.setdefault(each.port, []).append(each)
    for port, here in sorted(reachable.items()):
        service = servers.get(port)
        names = {name for each in here for name in each.processes}
        allowed = service.listeners if service else _SSH if port in ssh else set()
        unnamed = not names and (service or port in ssh)
        if unnamed or names & allowed or (not service and port in known):
            continue
        where = ", ".join(sorted({each.address for each in here}))
        who = ", ".join(sorted(names)) or "a process"
        since = min((each.since for each in here if each.since), default=0.0)
        wanted = service.name if service else "nothing listens"
        yield Row(f"port {port}", wanted, f"{who} on {where}", moment(since))
    for port, service in servers.items():
        if service.name not in inactive and port not in reachable:
            yield Row(f"port {port}", service.name, "nothing listens")


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
    """Judge the certificate on disk, and whether each of the ports asked shows it."""
    disk, served = live.certificate, live.served
    if not settings.mail_tls.trusted_by_others and (
        reason := renewal_reason(disk, settings.names, now)
    ):
        wanted = f"self-signed, for {', '.join(settings.names)}"
        since = (disk.not_after if disk.not_after < now else disk.not_before) if disk else None
        yield Row(PEM, wanted, reason, since)
    if disk is None:
        return  # files are judged as files
    if settings.mail_tls.trusted_by_others and disk.not_after < now:
        yield Row(PEM, "a valid certificate", _until(disk), disk.not_after)
    if renewal.enabled(settings) and (found := _unfit(settings, disk)):
        yield Row(PEM, f"issued, for {', '.join(settings.names)}", found, disk.not_before)
    if mute := [port for port in asked if port not in served]:
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
        if port in listening & PORTS_WITH_TLS and service.name not in held | set(inactive)
    ]
