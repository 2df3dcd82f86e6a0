"""DKIM signatures as the rest of the world sees them: checked with dkimpy, by the record in DNS."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from uuid import uuid4

import dkim  # type: ignore[import-untyped]
import dns.resolver
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from acceptance.mailhost import MailHost
from testbed.peer import Peer


def unique(word: str) -> str:
    """Return a subject that no other message has."""
    return f"{word} {uuid4().hex}"


def txt(host: MailHost) -> Callable[..., bytes]:
    """Return dkimpy's way to a TXT record: it asks the peer's BIND."""
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [host.peer.address]

    def look_up(name: bytes, timeout: int = 5) -> bytes:
        (record,) = resolver.resolve(name.decode(), "TXT", lifetime=timeout)
        return b"".join(record.strings)

    return look_up


def signatures(raw: bytes) -> list[dict[str, str]]:
    """Return the tags of each DKIM-Signature, the topmost first."""
    head = raw.partition(b"\r\n\r\n")[0].decode("latin-1")
    fields = re.findall(r"(?ims)^DKIM-Signature:(.*?)(?=\r\n\S|\Z)", head)
    return [
        {
            key.strip(): re.sub(r"\s", "", value)
            for key, _, value in (tag.partition("=") for tag in field.split(";"))
        }
        for field in fields
    ]


def verified(host: MailHost, raw: bytes) -> bool:
    """Whether a message's topmost signature verifies by the record in DNS."""
    return bool(dkim.verify(raw, dnsfunc=txt(host)))


def outside(host: MailHost, subject: str) -> bytes:
    """Return the message with this subject that the rest of the world received."""
    return host.peer.wait_received(lambda each: subject.encode() in each.raw).raw


def signing_domain(peer: Peer, domain: str) -> Callable[[bytes], bytes]:
    """Make a domain that signs its mail, whose key the peer's BIND serves; return what signs."""
    key = rsa.generate_private_key(65537, 2048)
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    record = f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"
    pieces = " ".join(f'"{record[at : at + 200]}"' for at in range(0, len(record), 200))
    peer.load_zone(
        domain,
        f"$ORIGIN {domain}.\n$TTL 60\n@ IN SOA ns hostmaster 1 7200 3600 1209600 60\n"
        f"@ IN NS ns\nns IN A {peer.address}\n@ IN MX 10 ns\n"
        f"key._domainkey IN TXT ( {pieces} )\n",
    )

    def signed(raw: bytes) -> bytes:
        return bytes(dkim.sign(raw, b"key", domain.encode(), private)) + raw

    return signed
