"""A certificate of the inventory: does it fit its key, its chain and the host's names?"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from settings.local_files import read_file
from settings.models import Settings
from settings.tls import Files


def combined_pem(settings: Settings) -> str | None:
    """Return private key, certificate and chain in one text; None if the inventory has none."""
    tls = settings.mail_tls
    if not isinstance(tls, Files):
        return None
    # In one form: openssl's tools write text around a PEM block, and keys in several forms.
    key = load_pem_private_key(read_file(tls.key).encode(), None)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    chain = x509.load_pem_x509_certificates(read_file(tls.cert).encode())
    return (pem + b"".join(one.public_bytes(Encoding.PEM) for one in chain)).decode()


def problems(settings: Settings, now: datetime | None = None) -> list[str]:
    """
    Return what is wrong with the certificate files of `mail_tls`, one line each with its remedy.

    + now: when they have to be valid; the present if not given
    """
    tls = settings.mail_tls
    if not isinstance(tls, Files):
        return []
    found = []
    try:
        chain = x509.load_pem_x509_certificates(read_file(tls.cert).encode())
        found += _chain_problems(chain, settings.names, now or datetime.now(UTC))
    except ValueError as error:
        chain = []
        found.append(f"mail_tls.cert: {_reason(error, 'no PEM certificate')}")
    try:
        key = load_pem_private_key(read_file(tls.key).encode(), None)
    except (ValueError, TypeError) as error:
        return [*found, f"mail_tls.key: {_reason(error, 'no PEM private key without a password')}"]
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if chain and chain[0].public_key().public_bytes(*form) != key.public_key().public_bytes(*form):
        found.append("mail_tls.key: is not the certificate's key; name the one it was made with")
    return found


def _reason(error: Exception, otherwise: str) -> str:
    text = str(error)
    return text if "can't be read" in text else f"is {otherwise}; name a file that is one"


def _chain_problems(
    chain: Sequence[x509.Certificate], names: Sequence[str], now: datetime
) -> list[str]:
    found = []
    certificate = chain[0]
    covered = names_of(certificate)
    for name in uncovered(covered, names):
        found.append(
            f"mail_tls.cert: is for {', '.join(sorted(covered)) or 'no host name'}, "
            f"not for {name}; get one that has this name too"
        )
    if certificate.not_valid_after_utc < now:
        ended = f"{certificate.not_valid_after_utc:%Y-%m-%d}"
        found.append(f"mail_tls.cert: ended on {ended}; renew it")
    if certificate.not_valid_before_utc > now:
        begins = f"{certificate.not_valid_before_utc:%Y-%m-%d}"
        found.append(f"mail_tls.cert: is valid from {begins} on; check this machine's clock")
    for issued, issuer in itertools.pairwise(chain):
        try:
            issued.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature):
            found.append(
                f"mail_tls.cert: {issuer.subject.rfc4514_string()} did not issue the certificate "
                "before it; order the file: host, then each next issuer"
            )
    return found


def uncovered(covered: Collection[str], names: Sequence[str]) -> list[str]:
    """Return the names that are not covered, neither by themselves nor by a wildcard."""
    return [
        name
        for name in names
        if name not in covered and f"*.{name.partition('.')[2]}" not in covered
    ]


def names_of(certificate: x509.Certificate) -> set[str]:
    """Return the host names of a certificate (RFC 6125: the common name does not count)."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    return {name.lower() for name in names.get_values_for_type(x509.DNSName)}


def warnings(settings: Settings, now: datetime | None = None) -> list[str]:
    """Return a line if the certificate of `mail_tls` ends less than 14 days after `now`."""
    tls = settings.mail_tls
    if not isinstance(tls, Files):
        return []
    end = x509.load_pem_x509_certificates(read_file(tls.cert).encode())[0].not_valid_after_utc
    soon = end - (now or datetime.now(UTC)) < timedelta(days=14)
    return [f"mail_tls.cert: ends on {end:%Y-%m-%d}"] if soon else []
