"""Messages to send to a target, also as a domain that signs its mail with DKIM."""

from __future__ import annotations

import base64
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

import dkim  # type: ignore[import-untyped]
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from testbed.peer import Peer


def message(subject: str, sender: str, *recipients: str, text: str = "Hello\n") -> EmailMessage:
    """Return a plain message with Date and Message-ID."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, ", ".join(recipients), subject
    mail["Date"], mail["Message-ID"] = formatdate(), make_msgid(domain="client.test")
    mail.set_content(text)
    return mail


def signing_domain(peer: Peer, domain: str) -> Callable[[bytes], bytes]:
    """Make a domain with a DKIM key that the peer's BIND serves; return a function that signs."""
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
