"""wanted/certificates.py: why a certificate of the inventory is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from settings.models import Settings
from tests.inventory import settings
from wanted import certificates

BEGIN, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
CA_KEY, HOST_KEY, OTHER_KEY = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))


def issued(common_name: str, key: ec.EllipticCurvePrivateKey, sans: tuple[str, ...] = ()) -> bytes:
    """Return a certificate that the CA has issued, in PEM."""
    subject, issuer = (
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in (common_name, "CA")
    )
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), 1, BEGIN, END)
    if sans:
        names = x509.SubjectAlternativeName([x509.DNSName(name) for name in sans])
        builder = builder.add_extension(names, False)
    return builder.sign(CA_KEY, hashes.SHA256()).public_bytes(Encoding.PEM)


CA = issued("CA", CA_KEY)
HOST = issued("x", HOST_KEY, ("mail.example.org",))


def private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def brought(folder: Path, chain: bytes, key: bytes) -> Settings:
    """Return the settings of a host whose inventory brings these files."""
    (folder / "chain.pem").write_bytes(chain)
    (folder / "key.pem").write_bytes(key)
    files = {"cert": str(folder / "chain.pem"), "key": str(folder / "key.pem")}
    return settings(mail_tls={"mode": "files", **files})


@pytest.mark.parametrize(
    ("chain", "key", "days", "lines"),
    [
        (HOST + CA, private(HOST_KEY), 10, []),
        (HOST, private(HOST_KEY), -1, ["cert: is valid from 2026-01-01 on; check this machine"]),
        (HOST, private(HOST_KEY), 100, ["cert: ended on 2026-04-01; renew it"]),
        (HOST, private(OTHER_KEY), 10, ["key: is not the certificate's key; name the one it was"]),
        (HOST, b"no key", 10, ["key: is no PEM private key without a password; name a file that"]),
        (b"no certificate", private(HOST_KEY), 10, ["cert: is no PEM certificate; name a file"]),
        (
            CA + HOST,
            private(CA_KEY),
            10,
            [
                "cert: is for no host name, not for mail.example.org; get one that has this name",
                "cert: CN=x did not issue the certificate before it; order the file: host, then",
            ],
        ),
    ],
    ids=["right", "early", "ended", "other key", "no key", "no certificate", "order"],
)
def test_what_is_wrong_with_the_files(
    tmp_path: Path, chain: bytes, key: bytes, days: int, lines: list[str]
) -> None:
    found = certificates.problems(brought(tmp_path, chain, key), BEGIN + timedelta(days))
    assert len(found) == len(lines)
    for problem, line in zip(found, lines, strict=True):
        assert problem.startswith(f"mail_tls.{line}")


def test_a_certificate_that_ends_soon_is_a_warning(tmp_path: Path) -> None:
    host_settings = brought(tmp_path, HOST, private(HOST_KEY))
    assert certificates.warnings(host_settings, END - timedelta(15)) == []
    assert certificates.warnings(host_settings, END - timedelta(13)) == [
        "mail_tls.cert: ends on 2026-04-01"
    ]


def test_one_file_holds_key_and_chain(tmp_path: Path) -> None:
    host_settings = brought(tmp_path, b"text before\n" + HOST + CA, private(HOST_KEY))
    assert certificates.combined_pem(host_settings) == (private(HOST_KEY) + HOST + CA).decode()
    assert certificates.combined_pem(settings()) is None
