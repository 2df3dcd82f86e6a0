"""Checks of the services from outside: which ports are open, and the certificate each shows."""

import socket
import ssl
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from cryptography import x509

from facts.tls import key_digest
from services import renewal
from services.all import ALL
from settings.models import Settings
from tasks.answers import Answer
from tasks.checks.finding import Finding, Severity
from tasks.checks.judging import RIGHT, Verdict, combined, plain, unknown, unsure, wrong
from tasks.lookups import Lookups
from wanted.certificates import names_of, uncovered
from wanted.dns import DANE_PORTS

SECONDS = 5.0
SOON = timedelta(days=14)
#: A certificate with a shorter life is renewed later than SOON.
SHORT_LIFE = timedelta(days=30)


@dataclass(frozen=True)
class Port:
    """How a client begins TLS at a port, and ends the session."""

    # The dialogue before TLS: (our line, how the last line of the answer begins). The first of our
    # lines is empty: the server greets first.
    before_tls: tuple[tuple[bytes, bytes], ...] = ()
    goodbye: bytes = b"QUIT"  # ends the session in TLS


_SMTP = ((b"", b"220 "), (b"EHLO [127.0.0.1]", b"250 "), (b"STARTTLS", b"220 "))
PORTS = {
    25: Port(_SMTP),
    110: Port(((b"", b"+OK"), (b"STLS", b"+OK"))),
    143: Port(((b"", b"* OK"), (b"a STARTTLS", b"a OK")), b"b LOGOUT"),
    465: Port(),
    587: Port(_SMTP),
    993: Port(goodbye=b"b LOGOUT"),
    995: Port(),
}
#: Port -> name of the service that listens there.
SERVERS = {port: each.name for each in ALL for port in each.ports}


@dataclass(frozen=True)
class Served:
    """What one port showed."""

    error: str = ""  # why there is no connection
    dropped: bool = False  # nothing answered at all: a firewall on the way may drop the packets
    no_tls: str = ""  # why there is no TLS
    certificate: x509.Certificate | None = None  # the host's own
    untrusted: str = ""  # why this machine does not trust its chain
    version: str = ""  # of TLS, e.g. "TLSv1.3"


def look(port: int, address: str, at: int, chain: bool) -> Served:
    """
    Connect to a service as its clients do, and end the session properly.

    + port: the service's own, which tells how TLS begins
    + address, at: address and port to connect to; they differ where a container's port is published
    + chain: whether to verify the certificate's chain; where that fails, the host logs an aborted
      handshake
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # _faults judges all the names
    why = ""
    if chain:
        context.load_default_certs()  # takes longer than all the rest
        served = _connect(PORTS[port], address, at, context)
        if not (why := served.untrusted):
            return served
    context.verify_mode = ssl.CERT_NONE
    return replace(_connect(PORTS[port], address, at, context), untrusted=why)


def _connect(port: Port, address: str, at: int, context: ssl.SSLContext) -> Served:
    try:
        with socket.create_connection((address, at), SECONDS) as plain:
            if refusal := _refusal(plain, port):
                return Served(no_tls=refusal)
            with context.wrap_socket(plain) as secured:
                der, version = secured.getpeercert(binary_form=True), secured.version()
                secured.sendall(port.goodbye + b"\r\n")
                if not port.before_tls:
                    secured.recv(4096)  # who leaves before the greeting is logged as lost
    except ssl.SSLCertVerificationError as error:
        return Served(untrusted=error.verify_message)
    except TimeoutError:
        return Served(error=f"no answer in {SECONDS:g} seconds", dropped=True)
    except ssl.SSLError as error:
        return Served(no_tls=error.reason or str(error))
    except OSError as error:
        return Served(error=error.strerror or str(error))
    if der is None:
        return Served(no_tls="the server shows no certificate")
    return Served(certificate=x509.load_der_x509_certificate(der), version=version or "")


def _refusal(plain: socket.socket, port: Port) -> str:
    """Speak until TLS begins; return the server's refusal, "" where it agrees."""
    # The buffer takes no byte of TLS: the server waits for our first one.
    with plain.makefile("rb") as replies:
        for command, expected in port.before_tls:
            if command:
                plain.sendall(command + b"\r\n")
            line = replies.readline(4096)
            while line[3:4] == b"-" and line[:3] == expected[:3]:
                line = replies.readline(4096)
            if not line.startswith(expected):
                return line.decode(errors="replace").strip() or "the server hangs up"
    return ""


# ---- judging ----------------------------------------------------------------------------------
def findings(
    settings: Settings, served: Mapping[int, Served], inactive: Collection[str], now: datetime
) -> list[Finding]:
    """
    Judge what the ports showed.

    + inactive: services that don't run, which is a finding of host.units: their ports are not
      judged, nor ports where Postfix says "later" because its milter is missing
    """
    judged = {
        port: one
        for port, one in served.items()
        if SERVERS[port] not in inactive and not (inactive and one.no_tls.startswith("4"))
    }
    return [reachable(judged, inactive), certificate(settings, judged, now), version(judged)]


def reachable(served: Mapping[int, Served], inactive: Collection[str]) -> Finding:
    """net.reachable: every port of the mail services takes a connection from here."""
    check, severity, wanted = "net.reachable", Severity.REQUIRED, "every port answers"
    if not served:
        down = f"{', '.join(sorted(inactive))} not running (host.units)"
        return unknown(check, "ports", severity, down, wanted)
    closed = {port: one.error for port, one in served.items() if one.error}
    seen, subject = _by_port(closed, served), f"ports {_ports(served)}"
    if list(closed) == [25] and served[25].dropped and len(served) > 1:
        # If only port 25 is silent, the cause is most often the access provider of this machine.
        seen += "; most home connections block port 25: check again from elsewhere"
        return unknown(check, subject, severity, seen, wanted)
    remedy = "open them in the provider's and the host's firewall, for IPv4 and IPv6"
    return plain(check, subject, severity, bool(closed), seen or "all answer", wanted, remedy)


def certificate(settings: Settings, served: Mapping[int, Served], now: datetime) -> Finding:
    """tls.certificate: each port's certificate has all names, is trusted and does not end soon."""
    check, wanted = "tls.certificate", f"a valid certificate for {', '.join(settings.names)}"
    shown = {port: one for port, one in served.items() if not one.error}
    if not shown:
        return unknown(check, "ports", Severity.REQUIRED, "no port could be asked", wanted)
    faults = {port: _faults(settings, one, now) for port, one in shown.items()}
    bad = {port: "; ".join(each) for port, each in faults.items() if each}
    ends_only = all(each == [_ending(shown[port])] for port, each in faults.items() if each)
    seen = _by_port(bad or {port: _ending(one) for port, one in shown.items()}, shown)
    if not settings.mail_tls.trusted_by_others and not bad:
        seen += "; self-signed, as configured: mail programs ask whether to trust it"
    severity = Severity.RECOMMENDED if bad and ends_only else Severity.REQUIRED
    remedy = "renew it, and run deploy.py, which puts it in place and reloads the services"
    if renewal.enabled(settings):
        remedy = "run deploy.py; `journalctl -t mailhost-certificate` on the host says what failed"
    return plain(check, f"ports {_ports(shown)}", severity, bool(bad), seen, wanted, remedy)


def _ending(served: Served) -> str:
    found = served.certificate
    return f"ends on {found.not_valid_after_utc:%Y-%m-%d}" if found else ""


def _faults(settings: Settings, served: Served, now: datetime) -> list[str]:
    """Return what is wrong with what one port serves."""
    found = served.certificate
    if found is None:
        return [f"no TLS: {served.no_tls}"]
    faults = []
    left, life = (found.not_valid_after_utc - begin for begin in (now, found.not_valid_before_utc))
    if left < timedelta(0):
        faults.append(f"expired on {found.not_valid_after_utc:%Y-%m-%d}")
    elif left < (SOON if life > SHORT_LIFE else life / 5):  # it is renewed at a third of its life
        faults.append(_ending(served))
    if found.not_valid_before_utc > now:
        faults.append(f"valid from {found.not_valid_before_utc:%Y-%m-%d} on only")
    if missing := uncovered(names_of(found), settings.names):
        faults.append(f"not for {', '.join(missing)}")
    if not settings.mail_tls.trusted_by_others and found.issuer != found.subject:
        faults.append(f"not self-signed, but issued by {found.issuer.rfc4514_string()}")
    if served.untrusted and not faults:  # an expired one is not trusted either: say one reason
        faults.append(f"not trusted: {served.untrusted}")
    return faults


def version(served: Mapping[int, Served]) -> Finding:
    """tls.version: each port speaks TLS 1.2 or 1.3; older versions are broken (RFC 8996)."""
    check, wanted = "tls.version", "TLSv1.2 or TLSv1.3"
    versions = {port: one.version for port, one in served.items() if one.version}
    if not versions:
        return unknown(check, "ports", Severity.RECOMMENDED, "no port could be asked", wanted)
    old = {port: each for port, each in versions.items() if each not in ("TLSv1.2", "TLSv1.3")}
    remedy = "run deploy.py: it allows these two only"
    seen, subject = _by_port(old or versions, versions), f"ports {_ports(versions)}"
    return plain(check, subject, Severity.RECOMMENDED, bool(old), seen, wanted, remedy)


def _ports(ports: Collection[int]) -> str:
    return ", ".join(map(str, sorted(ports)))


def _by_port(said: Mapping[int, str], asked: Collection[int]) -> str:
    """Return "what (ports 25, 465); other (port 993)"; no ports are named if it is all of them."""
    parts = []
    for what in dict.fromkeys(said.values()):
        ports = [port for port, each in said.items() if each == what]
        where = f" ({'ports' if len(ports) > 1 else 'port'} {_ports(ports)})"
        parts.append(what + ("" if len(ports) == len(asked) else where))
    return "; ".join(parts)


# ---- DANE (RFC 7672) --------------------------------------------------------------------------
def tlsa(settings: Settings, served: Mapping[int, Served], lookups: Lookups) -> list[Finding]:
    """dns.tlsa: where a port has TLSA records, one of them is of the key that it shows."""
    check, subject, severity = "dns.tlsa", f"{settings.mail_hostname} TLSA", Severity.REQUIRED
    found = []
    for port in DANE_PORTS:
        view = lookups.everywhere(f"_{port}._tcp.{settings.mail_hostname}", "TLSA")
        if view.answers and not any(answer.records for answer in view.answers):
            continue
        certificate = served[port].certificate if port in served else None
        ours = f"3 1 1 {key_digest(certificate)}" if certificate else ""
        found.append((view, ours, partial(_judge_key, ours)))
    if not found:
        wanted = "none, or the key that is shown"
        return [plain(check, subject, severity, False, "none", wanted, "")]
    remedy = "publish what `make dns` prints, or none: by a wrong one others keep their mail"
    return combined(check, subject, severity, found, remedy)


def _judge_key(ours: str, answer: Answer) -> Verdict:
    if ours in answer.records:
        return RIGHT
    if not ours or any(not each.startswith("3 1 1 ") for each in answer.records):
        return unsure("TLSA records that nothing here can be compared with")
    return wrong("publish the key that is shown")
