"""An authority's certificates, and hosts that get theirs from it or from other software."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from settings.models import Settings
from tests.inventory import settings

URL = "https://acme.example.net/directory"
NAMES = ("mail.example.org", "imap.example.org")
ACME = {"mode": "acme", "directory_url": URL}
FILES = {"mode": "host-files", "cert": "/etc/acme/chain.pem", "key": "/etc/acme/key.pem"}
NOW = datetime.now(UTC)


def with_tls(**tls: Any) -> Settings:
    """Return the settings of a host with this mail_tls."""
    return settings(mail_tls=tls, mail_client_names=["imap"])


KEYS = [ec.generate_private_key(ec.SECP256R1()) for _ in range(3)]


def certificate(
    names: tuple[str, ...] = NAMES,
    life: float = 90,
    left: float = 60,
    issuer: str = "Authority",
    key: int = 0,
    by: int = 1,
    ca: bool = False,
) -> bytes:
    """Return a certificate; `life` and `left` are days."""
    end = NOW + timedelta(days=left)
    builder = x509.CertificateBuilder(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])]),
        KEYS[key].public_key(),
        x509.random_serial_number(),
        end - timedelta(days=life),
        end,
    )
    if ca:
        builder = builder.add_extension(x509.BasicConstraints(True, None), True)
    else:
        sans = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        builder = builder.add_extension(sans, False).add_extension(usage, False)
    return builder.sign(KEYS[by], hashes.SHA256()).public_bytes(Encoding.PEM)


def key(number: int = 0) -> bytes:
    """Return one of KEYS in PEM."""
    return KEYS[number].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
