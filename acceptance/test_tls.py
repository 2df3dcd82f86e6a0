"""One certificate for every port, in TLS 1.2 and 1.3, and how it is replaced."""

from __future__ import annotations

import contextlib
import socket
import ssl
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from acceptance.issuing import Authority
from acceptance.mailhost import HOSTNAME, MailHost, lenient_tls

NAMES = [HOSTNAME, "imap.example.test", "smtp.example.test"]
PEM = "/etc/ssl/mail/mail.pem"
#: What a client says in the clear before the handshake; an answer follows each line.
BEFORE_TLS = {
    25: (b"", b"EHLO client.test\r\n", b"STARTTLS\r\n"),
    587: (b"", b"EHLO client.test\r\n", b"STARTTLS\r\n"),
    143: (b"", b"a STARTTLS\r\n"),
    110: (b"", b"STLS\r\n"),
    465: (),
    993: (),
    995: (),
}
every_port = pytest.mark.parametrize("port", BEFORE_TLS)


@contextlib.contextmanager
def handshake(
    host: MailHost, port: int, context: ssl.SSLContext, name: str = HOSTNAME
) -> Iterator[ssl.SSLSocket]:
    """A TLS connection to a port, after STARTTLS where the port begins in the clear."""
    with socket.create_connection(("127.0.0.1", host.port(port)), 30) as plain:
        for command in BEFORE_TLS[port]:
            plain.sendall(command)
            assert plain.recv(4096).startswith((b"2", b"+OK", b"* OK", b"a OK"))
        with context.wrap_socket(plain, server_hostname=name) as secured:
            yield secured


def served(host: MailHost, port: int) -> x509.Certificate:
    """Return the certificate that a port serves."""
    with handshake(host, port, lenient_tls()) as connection:
        der = connection.getpeercert(binary_form=True)
    assert der is not None
    return x509.load_der_x509_certificate(der)


def names(certificate: x509.Certificate) -> list[str]:
    """Return the host names that a certificate is for."""
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return extension.value.get_values_for_type(x509.DNSName)


def public_key(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def test_every_port_serves_the_same_certificate(host: MailHost) -> None:
    certificates = {served(host, port) for port in BEFORE_TLS}
    assert len(certificates) == 1
    (certificate,) = certificates
    assert sorted(names(certificate)) == sorted(NAMES)
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"
    on_disk = host.run("openssl", "x509", "-in", PEM)
    assert x509.load_pem_x509_certificate(on_disk.encode()) == certificate
    assert host.run("stat", "-c", "%U:%G %a", PEM).strip() == "root:root 600"


def only(version: ssl.TLSVersion) -> ssl.SSLContext:
    """TLS of one version, with whatever cipher that needs."""
    context = lenient_tls()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    return context


@every_port
@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_tls_1_2_and_1_3_are_spoken(host: MailHost, port: int, version: str) -> None:
    with handshake(host, port, only(ssl.TLSVersion[version])) as connection:
        assert connection.version() == version.replace("_", ".")


@every_port
@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
def test_older_tls_is_refused_by_the_host(host: MailHost, port: int, version: str) -> None:
    # The server hangs up, with or without an alert; a client that could not speak it would fail
    # with another reason, before a word was said.
    with (
        pytest.raises(ssl.SSLError, match=r"TLSV1_ALERT_PROTOCOL_VERSION|UNEXPECTED_EOF"),
        handshake(host, port, only(ssl.TLSVersion[version])),
    ):
        pass


# ---- a certificate from files --------------------------------------------------------------------


def issue(folder: Path) -> tuple[Path, Path, Path]:
    """Make a CA, and a certificate of the host by it; return paths of CA, chain and key."""
    authority = Authority(folder)
    issued = authority.issue(NAMES)
    return authority.path, issued.chain, issued.key


def test_a_certificate_from_files_satisfies_strict_clients(
    changed_host: MailHost, tmp_path: Path
) -> None:
    ca, cert, key = issue(tmp_path)
    before = changed_host.pids()
    changed_host.must_deploy(mail_tls={"mode": "files", "cert": str(cert), "key": str(key)})
    strict = ssl.create_default_context(cafile=str(ca))
    for port in BEFORE_TLS:
        for name in NAMES:
            with handshake(changed_host, port, strict, name):
                pass
        with (
            pytest.raises(ssl.SSLCertVerificationError, match=r"[Hh]ostname mismatch"),
            handshake(changed_host, port, strict, "mail.world.test"),
        ):
            pass
    assert changed_host.pids() == before, "a reload is enough"


# ---- and one that ends ---------------------------------------------------------------------------

_ENDING = """
set -eu
openssl pkey -in "$1" > /tmp/key.pem
openssl req -new -x509 -key /tmp/key.pem -days "$2" -subj "/CN=$3" -addext "subjectAltName=$4" |
  cat /tmp/key.pem - > /tmp/ending.pem
cat /tmp/ending.pem > "$1"
rm /tmp/key.pem /tmp/ending.pem
"""


@pytest.mark.parametrize(("days", "renewed"), [(10, True), (60, False)])
def test_a_self_signed_certificate_is_renewed_near_its_end(
    changed_host: MailHost, days: int, renewed: bool
) -> None:
    alternative = ",".join(f"DNS:{name}" for name in NAMES)
    pids, first = changed_host.pids(), served(changed_host, 465)
    changed_host.run("sh", "-c", _ENDING, "sh", PEM, str(days), HOSTNAME, alternative)
    changed_host.must_deploy()
    for port in BEFORE_TLS:
        certificate = served(changed_host, port)
        assert certificate != first
        left = certificate.not_valid_after_utc - datetime.now(UTC)
        assert (left > timedelta(days=700)) == renewed
        assert public_key(certificate) == public_key(first)
    assert changed_host.pids() == pids
