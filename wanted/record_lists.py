"""DNS records for people: a table to read, and text to copy into a provider's web form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import dns.name
import dns.reversename

from settings.models import Settings
from wanted import mta_sts
from wanted.dns import TTL, Record
from wanted.zones import enclosing, origins, relative, unknown_name_servers, zone_content

# Parts of the content that have a field of their own in web forms; the rest is the value.
_PARTS = {"MX": ["priority"], "SRV": ["priority", "weight", "port"], "CAA": ["flags", "tag"]}

_HOW_TO_COPY = """\
name        as most forms take it: without the zone, and "@" for the zone itself
full name   the same name for forms that want it whole
value       to copy as it is, without quotes, however long it is
in strings  the same text for forms that want quotes, or refuse more than 255 characters at once

A whole name ends in a dot. Leave it out where a form refuses it; where a form would add the zone
to a name without a dot, it has to stay.
"""


def table(groups: Mapping[str, Sequence[Record]]) -> str:
    """Return the records as a table, each with its purpose and whether it is required."""
    return "\n\n".join(
        "\n".join([heading, *_rows(found)]) for heading, found in groups.items() if found
    )


def _rows(found: Sequence[Record]) -> Iterable[str]:
    width = max(len(record.name) for record in found)
    for record in found:
        yield f"  {_need(record)}  {record.name:{width}}  {record.type:4}  {record.content}"
        yield f"            {record.why}"


def _need(record: Record) -> str:
    return "required" if record.required else "optional"


def provider_text(settings: Settings, groups: Mapping[str, Sequence[Record]]) -> str:
    """Return the records field by field, as the web forms of DNS providers ask for them."""
    parts = [f"The DNS records of {settings.mail_hostname}, to copy into a provider's web form.\n"]
    parts.append(_HOW_TO_COPY)
    for heading, found in groups.items():
        parts.append(f"\n==== {heading}\n")
        parts += [_block(record, enclosing(origins(settings), record.name)) for record in found]
    return "\n".join(parts)


def _block(record: Record, zone: str | None) -> str:
    lines = [f"# {_need(record)}: {record.why}"]
    lines += [f"{field:<11} {value}" for field, value in _fields(record, zone)]
    return "\n".join(lines) + "\n"


def _fields(record: Record, zone: str | None) -> Iterable[tuple[str, str]]:
    if zone:
        yield "zone", zone
        yield "name", relative(record.name, zone)
    else:
        yield "address", dns.reversename.to_address(dns.name.from_text(record.name))
    yield "full name", f"{record.name}."
    yield "type", record.type
    yield "TTL", str(TTL)
    parts = _PARTS.get(record.type, [])
    *before, value = record.content.split(" ", len(parts)) if parts else [record.content]
    yield from zip(parts, before, strict=True)
    yield "value", value.strip('"') if record.type == "CAA" else value
    if record.type == "TXT":
        yield "in strings", zone_content(record)


def notices(settings: Settings, keys: Mapping[str, str], wanted: Sequence[Record]) -> list[str]:
    """Return what the records lack and why, one line each with its remedy."""
    found = [
        f"{domain}: no DKIM key on the host yet: run deploy.py, then this again"
        for domain in settings.mail_domains
        if domain not in keys
    ]
    if not (settings.mail_ipv4 or settings.mail_ipv6):
        found.append("mail_ipv4: is missing, and with it the host's A record; write it down")
    if settings.mail_relayhost:
        found.append(
            f"mail_relayhost: mail leaves through {settings.mail_relayhost}; add what its provider "
            "says (include:…) to the SPF records"
        )
    if mta_sts.enabled(settings) and not settings.mail_web:
        names = ", ".join(f"mta-sts.{domain}" for domain in settings.mail_domains)
        found.append(
            f"mail_mta_sts: let {names} lead to the web server that serves what `make web` writes"
        )
    for origin in origins(settings):
        inside = [record for record in wanted if enclosing([origin], record.name)]
        found += [
            f"mail_name_servers: add the address of {server} to {origin}.zone, which it is in"
            for server in unknown_name_servers(settings, origin, inside)
        ]
    return found
