"""A certification authority that the tests' strict clients trust, and what it issues."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_USAGE = dict.fromkeys(
    (
        *("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
        *("encipher_only", "decipher_only", "digital_signature"),
    ),
    False,
)


@dataclass(frozen=True)
class Issued:
    """Paths of a certificate with its chain, and of its key."""

    chain: Path
    key: Path

    @property
    def pem(self) -> str:
        """Key and chain in one text."""
        return self.key.read_text() + self.chain.read_text()


class Authority:
    """
    + folder: where its files are
    + path: of its own certificate there
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / "ca.pem"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Acceptance CA")])
        usage = x509.KeyUsage(key_cert_sign=True, crl_sign=True, **_USAGE)
        self._certificate = (
            self._certified(self._name, self._key, 90)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.path.write_bytes(self._certificate.public_bytes(Encoding.PEM))

    def _certified(
        self, name: x509.Name, holder: ec.EllipticCurvePrivateKey, days: float
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        subject = x509.SubjectKeyIdentifier.from_public_key(holder.public_key())
        return (
            x509.CertificateBuilder(self._name, name, holder.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(min(now, now + timedelta(days=days)) - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(issuer, False)
            .add_extension(subject, False)
        )

    def issue(self, names: Sequence[str], days: float = 90) -> Issued:
        """Issue a certificate for host names, which ends in so many days; negative: it has."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        certificate = (
            self._certified(subject, key, days)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
            .sign(self._key, hashes.SHA256())
        )
        number = certificate.serial_number
        issued = Issued(self.folder / f"{number}.pem", self.folder / f"{number}.key")
        chain = (certificate, self._certificate)
        issued.chain.write_bytes(b"".join(each.public_bytes(Encoding.PEM) for each in chain))
        issued.key.touch(mode=0o600)
        issued.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return issued
