"""DKIM (RFC 6376): does a signature of the message verify by the key in DNS? dkimpy judges."""

from __future__ import annotations

from dataclasses import dataclass

import dkim  # type: ignore[import-untyped]

from tasks.lookups import Lookups
from tasks.scoring.message import Received
from tasks.scoring.part import Aspect, Part
from tasks.scoring.questions import records

LOST = 2.0
ASPECT = Aspect("score.dkim", "DKIM", "a signature that verifies by the key in DNS")


@dataclass(frozen=True)
class Signature:
    """
    + key_name: where its public key is published
    + key_found: whether there is a record
    """

    domain: str
    key_name: str
    key_found: bool
    valid: bool


def signatures(received: Received, lookups: Lookups) -> list[Signature]:
    """Return the message's signatures, the topmost first."""
    message = dkim.DKIM(received.raw)
    fields = [value for name, value in message.headers if name.lower() == b"dkim-signature"]
    return [_signature(received.raw, number, field, lookups) for number, field in enumerate(fields)]


def _signature(raw: bytes, number: int, field: bytes, lookups: Lookups) -> Signature:
    try:
        tags = dkim.util.parse_tag_value(field)
        domain, selector = (tags[tag].decode().lower() for tag in (b"d", b"s"))
    except (dkim.util.InvalidTagValueList, KeyError, UnicodeDecodeError):
        return Signature("?", "?", False, False)
    key_name = f"{selector}._domainkey.{domain}"
    key = "".join(records(lookups, key_name, "TXT")[:1]).encode()
    try:
        valid = dkim.DKIM(raw).verify(number, dnsfunc=lambda *_args, **_kwargs: key)
    except dkim.DKIMException:
        valid = False
    return Signature(domain, key_name, bool(key), bool(valid))


def part(received: Received, found: list[Signature]) -> Part:
    """Judge the signatures."""
    subject = received.from_domain
    if not found:
        remedy = (
            "the host has to sign what it sends: run deploy.py, then look at opendkim's journal"
        )
        return ASPECT.bad(subject, "the message has no signature", remedy, LOST)
    good = [each for each in found if each.valid]
    if good:
        return ASPECT.good(subject, f"the signature of {good[0].domain} verifies")
    first = found[0]
    if first.key_found:
        seen = f"the signature does not verify by the key at {first.key_name}"
    else:
        seen = f"signed, but there is no key at {first.key_name}"
    return ASPECT.bad(subject, seen, f"publish {first.key_name} as 'make dns' prints it", LOST)
