"""tasks/checks/tls.py: sessions with small servers on this machine, and their findings."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tasks.checks import tls
from tasks.checks.finding import Finding, Severity, Status
from tasks.checks.tls import Served
from tests.inventory import settings

NOW = datetime.now(UTC)
SETTINGS = settings(mail_client_names=["imap"])
NAMES = ["mail.example.org", "imap.example.org"]
KEY = ec.generate_private_key(ec.SECP256R1())


def issued(
    names: Sequence[str] = NAMES, days: float = 90, issuer: str = "mail.example.org"
) -> x509.Certificate:
    """Return a certificate that ends in `days`; self-signed unless another issuer is named."""

    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    return (
        x509.CertificateBuilder()
        .subject_name(named("mail.example.org"))
        .issuer_name(named(issuer))
        .public_key(KEY.public_key())
        .serial_number(7)
        .not_valid_before(NOW - timedelta(days=100))
        .not_valid_after(NOW + timedelta(days=days, minutes=5))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), False)
        .sign(KEY, hashes.SHA256())
    )


# ---- sessions ---------------------------------------------------------------------------------
@contextlib.contextmanager
def server(folder: Path, before_tls: Sequence[bytes]) -> Iterator[tuple[int, list[bytes]]]:
    """Send the lines, read an answer after each but the last, start TLS; yield port and answers."""
    (folder / "pem").write_bytes(
        KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + issued().public_bytes(Encoding.PEM)
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "pem")
    heard: list[bytes] = []

    def talk(plain: socket.socket) -> None:
        for number, line in enumerate(before_tls):
            if number:
                heard.append(plain.recv(4096))
            plain.sendall(line)
        with contextlib.suppress(OSError), context.wrap_socket(plain, server_side=True) as secured:
            if not before_tls:
                secured.sendall(b"* OK ready\r\n")
            heard.append(secured.recv(4096))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                with listener.accept()[0] as plain:
                    talk(plain)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1], heard
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


SMTP = [b"220 mail ESMTP\r\n", b"250-mail\r\n250-SIZE\r\n250 STARTTLS\r\n", b"220 go\r\n"]


@pytest.mark.parametrize(
    ("port", "lines", "heard"),
    [
        (25, SMTP, [b"EHLO [127.0.0.1]\r\n", b"STARTTLS\r\n", b"QUIT\r\n"]),
        (143, [b"* OK ready\r\n", b"a OK go\r\n"], [b"a STARTTLS\r\n", b"b LOGOUT\r\n"]),
        (110, [b"+OK ready\r\n", b"+OK go\r\n"], [b"STLS\r\n", b"QUIT\r\n"]),
        (993, [], [b"b LOGOUT\r\n"]),
    ],
)
def test_a_session_begins_and_ends_properly(
    tmp_path: Path, port: int, lines: list[bytes], heard: list[bytes]
) -> None:
    with server(tmp_path, lines) as (at, said):
        served = tls.look(port, "127.0.0.1", at, chain=False)
    assert served.certificate is not None
    assert (served.certificate.serial_number, served.version) == (7, "TLSv1.3")
    assert (served.error, served.no_tls, served.untrusted) == ("", "", "")
    assert said == heard


def test_a_chain_that_nobody_trusts(tmp_path: Path) -> None:
    with server(tmp_path, []) as (at, _):
        served = tls.look(993, "127.0.0.1", at, chain=True)
    assert served.certificate is not None
    assert served.untrusted.startswith("self-signed certificate")


def test_no_starttls(tmp_path: Path) -> None:
    refusing = [SMTP[0], b"250-mail\r\n250 SIZE\r\n", b"502 5.5.1 not implemented\r\n"]
    with server(tmp_path, refusing) as (at, _):
        served = tls.look(587, "127.0.0.1", at, chain=False)
    assert served == Served(no_tls="502 5.5.1 not implemented")


def test_a_closed_port_and_a_silent_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        began = time.monotonic()
        served = tls.look(25, "127.0.0.1", listener.getsockname()[1], chain=True)
        assert time.monotonic() - began < 2
        assert served == Served(error="no answer in 0.1 seconds", dropped=True)
        free = listener.getsockname()[1]
    assert tls.look(25, "127.0.0.1", free, chain=True) == Served(error="Connection refused")


# ---- judging ----------------------------------------------------------------------------------
GOOD = Served(certificate=issued(), version="TLSv1.3")


def judged(
    changes: dict[int, Served], inactive: Sequence[str] = (), mode: str = "self-signed"
) -> dict[str, Finding]:
    brought = {"cert": "chain.pem", "key": "key.pem"} if mode == "files" else {}
    host_settings = settings(mail_client_names=["imap"], mail_tls={"mode": mode, **brought})
    served = {port: changes.get(port, GOOD) for port in tls.PORTS}
    return {each.id: each for each in tls.findings(host_settings, served, inactive, NOW)}


def test_a_healthy_host() -> None:
    findings = judged({})
    assert {each.status for each in findings.values()} == {Status.OK}
    assert "self-signed, as configured" in findings["tls.certificate"].seen
    assert findings["tls.certificate"].subject == "ports 25, 110, 143, 465, 587, 993, 995"


END = f"{NOW - timedelta(days=1) + timedelta(minutes=5):%Y-%m-%d}"
SOON = f"{NOW + timedelta(days=5, minutes=5):%Y-%m-%d}"


@pytest.mark.parametrize(
    ("served", "severity", "seen"),
    [
        (Served(certificate=issued(days=-1)), "required", f"expired on {END} (ports 465, 993)"),
        (Served(certificate=issued(days=5)), "recommended", f"ends on {SOON} (ports 465, 993)"),
        (
            Served(certificate=issued(["mail.example.org"])),
            "required",
            "not for imap.example.org (ports 465, 993)",
        ),
        (
            Served(certificate=issued(issuer="Some CA")),
            "required",
            "not self-signed, but issued by CN=Some CA (ports 465, 993)",
        ),
        (Served(no_tls="502 no"), "required", "no TLS: 502 no (ports 465, 993)"),
    ],
)
def test_a_certificate_that_is_wrong_is_one_finding(
    served: Served, severity: str, seen: str
) -> None:
    findings = judged({465: served, 993: served})
    (failed,) = (each for each in findings.values() if each.status == Status.FAILED)
    assert (failed.id, failed.severity, failed.seen) == ("tls.certificate", severity, seen)
    assert failed.remedy


def test_a_wildcard_will_do() -> None:
    served = Served(certificate=issued(["*.example.org"]), version="TLSv1.2")
    findings = judged(dict.fromkeys(tls.PORTS, served))
    assert {each.status for each in findings.values()} == {Status.OK}


def test_a_certificate_of_files_has_to_be_trusted() -> None:
    served = Served(certificate=issued(issuer="CA"), untrusted="unable to get local issuer")
    findings = judged(dict.fromkeys(tls.PORTS, served), mode="files")
    assert findings["tls.certificate"].seen == "not trusted: unable to get local issuer"
    expired = Served(certificate=issued(days=-1), untrusted="certificate has expired")
    findings = judged(dict.fromkeys(tls.PORTS, expired), mode="files")
    assert findings["tls.certificate"].seen == f"expired on {END}"


def test_closed_ports() -> None:
    findings = judged({465: Served(error="Connection refused")})
    assert findings["net.reachable"].status == Status.FAILED
    assert findings["net.reachable"].seen == "Connection refused (port 465)"
    assert findings["tls.certificate"].status == Status.OK


def test_port_25_alone_silent_may_be_the_fault_of_ones_own_provider() -> None:
    silent = Served(error="no answer in 5 seconds", dropped=True)
    assert judged({25: silent})["net.reachable"].status == Status.UNKNOWN
    assert judged({25: silent, 465: silent})["net.reachable"].status == Status.FAILED
    refused = Served(error="Connection refused")
    assert judged({25: refused})["net.reachable"].status == Status.FAILED


def test_the_ports_of_a_stopped_service_are_not_judged() -> None:
    closed = Served(error="Connection refused")
    changes = {port: closed for port, name in tls.SERVERS.items() if name == "dovecot"}
    findings = judged(changes, ["dovecot"])
    assert {each.status for each in findings.values()} == {Status.OK}
    assert findings["net.reachable"].subject == "ports 25, 465, 587"
    findings = judged(dict.fromkeys(tls.PORTS, closed), ["dovecot", "postfix"])
    assert {each.status for each in findings.values()} == {Status.UNKNOWN}


def test_postfix_without_its_milter_says_later() -> None:
    later = dict.fromkeys((25, 587), Served(no_tls="454 4.3.0 Try again later"))
    assert {each.status for each in judged(later, ["opendkim"]).values()} == {Status.OK}
    assert judged(later)["tls.certificate"].status == Status.FAILED


def test_old_tls() -> None:
    findings = judged({25: Served(certificate=issued(), version="TLSv1")})
    assert (findings["tls.version"].status, findings["tls.version"].severity) == (
        Status.FAILED,
        Severity.RECOMMENDED,
    )
    assert "TLSv1 (port 25)" in findings["tls.version"].seen
