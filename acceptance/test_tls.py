"""One certificate for every port, in TLS 1.2 and 1.3, and how it is replaced."""

from __future__ import annotations

import ssl
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from acceptance.support.clients import lenient_tls
from acceptance.support.mailhost import MailHost
from acceptance.support.tls import BEFORE_TLS, NAMES, handshake, issue, public_key, served
from testbed.inventory import HOSTNAME

PEM = "/etc/ssl/mail/mail.pem"
every_port = pytest.mark.parametrize("port", BEFORE_TLS)


def names(certificate: x509.Certificate) -> list[str]:
    """Return the host names that a certificate is for."""
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return extension.value.get_values_for_type(x509.DNSName)


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


def test_a_certificate_from_files_satisfies_strict_clients(host: MailHost, tmp_path: Path) -> None:
    ca, cert, key = issue(tmp_path)
    before = host.pids()
    strict = ssl.create_default_context(cafile=str(ca))
    with host.deployed(mail_tls={"mode": "files", "cert": str(cert), "key": str(key)}):
        for port in BEFORE_TLS:
            for name in NAMES:
                with handshake(host, port, strict, name):
                    pass
            with (
                pytest.raises(ssl.SSLCertVerificationError, match=r"[Hh]ostname mismatch"),
                handshake(host, port, strict, "mail.world.test"),
            ):
                pass
        assert host.pids() == before, "a reload is enough"


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
    host: MailHost, days: int, renewed: bool
) -> None:
    alternative = ",".join(f"DNS:{name}" for name in NAMES)
    pids, first = host.pids(), served(host, 465)
    host.run("sh", "-c", _ENDING, "sh", PEM, str(days), HOSTNAME, alternative)
    host.must_deploy()
    for port in BEFORE_TLS:
        certificate = served(host, port)
        assert certificate != first
        left = certificate.not_valid_after_utc - datetime.now(UTC)
        assert (left > timedelta(days=700)) == renewed
        assert public_key(certificate) == public_key(first)
    assert host.pids() == pids
