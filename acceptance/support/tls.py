"""TLS handshakes with every port of a host, and certificates to deploy."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from acceptance.support.clients import lenient_tls
from acceptance.support.issuing import Authority
from acceptance.support.mailhost import MailHost
from layout import PEM
from testbed.inventory import HOSTNAME
from testbed.wait import wait_until

NAMES = [HOSTNAME, "imap.example.test", "smtp.example.test"]
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


def public_key(certificate: x509.Certificate) -> bytes:
    """Return a certificate's public key as DER."""
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def issue(folder: Path) -> tuple[Path, Path, Path]:
    """Make a CA, and a certificate of the host by it; return paths of CA, chain and key."""
    authority = Authority(folder)
    issued = authority.issue(NAMES)
    return authority.path, issued.chain, issued.key


@contextlib.contextmanager
def certificate_in_place(host: MailHost, pem: str) -> Iterator[None]:
    """Another certificate than the deployed one."""
    kept = host.run("cat", PEM)
    serve(host, pem)
    try:
        yield
    finally:
        serve(host, kept)


def serve(host: MailHost, pem: str) -> None:
    """Replace the certificate, and wait until the services show it."""
    host.run("sh", "-euc", f"cat > {PEM}", input=pem)
    host.run("systemctl", "reload", "postfix", "dovecot")

    def shown() -> bool:
        ports = (host.port(465), host.port(993))
        return all(ssl.get_server_certificate(("127.0.0.1", port)) in pem for port in ports)

    wait_until(shown, 20, "the certificate on its ports")
