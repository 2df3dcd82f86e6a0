"""DKIM signatures as the rest of the world sees them: checked with dkimpy, by the record in DNS."""

from __future__ import annotations

import re
from collections.abc import Callable
from uuid import uuid4

import dkim  # type: ignore[import-untyped]
import dns.resolver

from acceptance.support.mailhost import MailHost


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
