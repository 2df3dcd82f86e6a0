"""The certificate that the mail services serve."""

import hashlib
from base64 import b64decode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pyinfra.api import StringCommand

from facts.data import FactData
from facts.fact import Fact
from facts.shell import key_values, readable, requires, script
from layout import LIBRARY, PEM, TLS_PORTS


@dataclass(frozen=True)
class CertificateState(FactData):
    """
    + names: host names that the certificate is for, sorted
    + not_after: its last moment
    + self_signed: it is its own issuer
    + key_matches: the key in the same file is the certificate's
    + owner, mode: of the file, e.g. "root:root" and "600"
    + not_before: its first moment
    + sha256: its fingerprint
    + key_sha256: digest of its public key, as in TLSA records (RFC 6698, selector 1)
    + issuer: e.g. "CN=E7,O=Let's Encrypt,C=US" (RFC 4514)
    + serial: its number at the issuer, in hexadecimal
    """

    names: tuple[str, ...]
    not_after: datetime
    self_signed: bool
    key_matches: bool
    owner: str
    mode: str
    not_before: datetime | None = None
    sha256: str = ""
    key_sha256: str = ""
    issuer: str = ""
    serial: str = ""


# The private key stays on the host: only its public half is compared.
SCRIPT = """
[ -s "$1" ] || exit 0
stat -c 'owner %U:%G %a' "$1"
openssl pkey -in "$1" -pubout 2>/dev/null
openssl x509 -in "$1" 2>/dev/null
true
"""

CERTIFICATE_BEGINS = "-----BEGIN CERTIFICATE-----"


def parse_certificate(output: list[str]) -> CertificateState | None:
    """Parse the Certificate fact's output; return None if the file holds no certificate."""
    if CERTIFICATE_BEGINS not in output:
        return None
    start = output.index(CERTIFICATE_BEGINS)
    with readable("unreadable certificate"):
        certificate = x509.load_pem_x509_certificate("\n".join(output[start:]).encode())
    _, owner, mode = output[0].split()
    public = certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return described(certificate, output[1:start] == public.decode().splitlines(), owner, mode)


def key_digest(certificate: x509.Certificate) -> str:
    """Return the SHA-256 of a certificate's public key (SubjectPublicKeyInfo)."""
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(key).hexdigest()


def described(
    certificate: x509.Certificate, key_matches: bool, owner: str = "", mode: str = ""
) -> CertificateState:
    """Return the state of a certificate; `owner` and `mode` are its file's, if it has one."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        dns_names = tuple(sorted(names.get_values_for_type(x509.DNSName)))
    except x509.ExtensionNotFound:
        dns_names = ()
    return CertificateState(
        names=dns_names,
        not_after=certificate.not_valid_after_utc.astimezone(UTC),
        self_signed=certificate.issuer == certificate.subject,
        key_matches=key_matches,
        owner=owner,
        mode=mode,
        not_before=certificate.not_valid_before_utc.astimezone(UTC),
        sha256=certificate.fingerprint(SHA256()).hex(),
        key_sha256=key_digest(certificate),
        issuer=certificate.issuer.rfc4514_string(),
        serial=f"{certificate.serial_number:x}",
    )


# Over loopback, where no firewall interferes, and all at the same time: processes that hang cost 10
# seconds together, not 10 for each port. `ports_with_tls` writes $ports.
SERVED = """
served() {
  shown=$(timeout 10 openssl s_client -connect "127.0.0.1:$1" ${2:+-starttls "$2"} </dev/null |
    openssl x509 -outform DER | base64 -w 0)
  [ -z "$shown" ] || echo "served=$1 $shown"
} 2>/dev/null
for port in $ports; do
  served "${port%:*}" "${port#*:}" &
done
wait
"""


def ports_with_tls(ports: Iterable[int]) -> str:
    """Return "port:protocol …" for SERVED; the protocol says how TLS begins, see TLS_PORTS."""
    return " ".join(f"{port}:{TLS_PORTS.get(port, '')}" for port in ports)


def parse_served(lines: Sequence[str]) -> dict[int, CertificateState]:
    """Parse "port base64" lines; return port -> the certificate shown there."""
    served = {}
    for line in lines:
        port, _, encoded = line.partition(" ")
        certificate = x509.load_der_x509_certificate(b64decode(encoded))
        served[int(port)] = described(certificate, key_matches=True)
    return served


class ServedCertificates(Fact[dict[int, CertificateState]]):
    """
    Returns port -> the certificate that it shows, for all given TCP ports in one read; a port that
    shows none is missing:

    .. code:: python

        {25: CertificateState(("mail.example.org",), …, issuer="CN=E7,…", serial="4f…"), …}
    """

    default = dict

    def command(self, ports: Sequence[int] = tuple(TLS_PORTS)) -> StringCommand:
        return script(f"ports=$1\n{SERVED}", ports_with_tls(ports))

    @readable("unreadable certificate")
    def process(self, output: list[str]) -> dict[int, CertificateState]:
        return parse_served(key_values(output).get("served", ()))


class Certificate(Fact[CertificateState | None]):
    """
    Returns the certificate that the mail services serve, None if there is none:

    .. code:: python

        CertificateState(("mail.example.org",), datetime(2028, 2, 27, …), True, True, …)
    """

    requires_command = requires("openssl")
    process = staticmethod(parse_certificate)

    def command(self, path: str = PEM) -> StringCommand:
        return script(SCRIPT, path)


#: The script that renews the certificate, on a host that does so itself (services/renewal.py).
RENEWAL = f"{LIBRARY}/certificate.sh"


class CertificateDue(Fact[str]):
    """
    Returns why the host has to put another certificate in place, "" if the present one will do:

    .. code:: python

        "the present one is not for imap.example.org"
    """

    default = str

    def command(self) -> StringCommand:
        return script('[ -e "$1" ] || { echo "there is none yet"; exit; }; sh "$1" due', RENEWAL)

    def process(self, output: list[str]) -> str:
        return " ".join(output)
