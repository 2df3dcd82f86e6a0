"""DNS records as BIND zones, for a name server of one's own or a provider that imports zones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import dns.name
import dns.rdata

from settings.models import Settings
from wanted.dns import TTL, Record

#: How much of a reverse name is left of the zone that it belongs to: /24 of IPv4, /64 of IPv6.
_HOST_LABELS = {"in-addr.arpa": 1, "ip6.arpa": 16}


def zone_files(settings: Settings, wanted: Sequence[Record], serial: int) -> dict[str, str]:
    """
    Return origin -> zone file, forward and reverse, that hold all the records.

    + serial: of the SOA records; secondary servers fetch a zone only when it has grown
    """
    forward = {
        origin: forward_zone(settings, origin, wanted, serial) for origin in origins(settings)
    }
    return forward | reverse_zones(settings, wanted, serial)


def origins(settings: Settings) -> list[str]:
    """Return the names of the forward zones; a host's name outside of them is a zone by itself."""
    domains = [*settings.mail_domains, *settings.mail_null_domains]
    return (
        domains
        if enclosing(domains, settings.mail_hostname)
        else [*domains, settings.mail_hostname]
    )


def enclosing(domains: Iterable[str], name: str) -> str | None:
    """Return the domain that a name is in; the longest, where one is below another."""
    found = [domain for domain in domains if f".{name}".endswith(f".{domain}")]
    return max(found, key=len, default=None)


def relative(name: str, origin: str) -> str:
    """Return a name as its zone has it; `@` is the zone's own."""
    return dns.name.from_text(name).relativize(dns.name.from_text(origin)).to_text()


def forward_zone(settings: Settings, origin: str, wanted: Iterable[Record], serial: int) -> str:
    """Return those of the records that are below a name as that name's zone file."""
    inside = [record for record in wanted if enclosing([origin], record.name)]
    about = [f"{origin}, for a name server of your own or a provider that imports zone files."]
    if not settings.mail_name_servers:
        about.append("SOA and NS are placeholders (mail_name_servers); a provider has its own.")
    about += [
        f"Add the address of {server}, a name server inside of this zone."
        for server in unknown_name_servers(settings, origin, inside)
    ]
    return _zone(settings, origin, inside, serial, about)


def unknown_name_servers(settings: Settings, origin: str, inside: Iterable[Record]) -> list[str]:
    """Return the name servers whose addresses a zone must have, and that we don't know."""
    known = {record.name for record in inside if record.type in ("A", "AAAA")}
    return [
        server
        for server in settings.mail_name_servers
        if enclosing([origin], server) and server not in known
    ]


def reverse_zones(settings: Settings, wanted: Iterable[Record], serial: int) -> dict[str, str]:
    """
    Return origin -> zone file of the PTR records among the records, which may be of several hosts.

    Addresses of one /24 (IPv4) or /64 (IPv6) share a zone.
    """
    zones: dict[str, list[Record]] = {}
    for record in wanted:
        if record.type == "PTR":
            zones.setdefault(_reverse_origin(record.name), []).append(record)
    about = [
        "Only for those to whom the provider delegated this reverse zone; others ask the provider "
        "for the name."
    ]
    return {
        origin: _zone(settings, origin, inside, serial, about) for origin, inside in zones.items()
    }


def _reverse_origin(name: str) -> str:
    labels = name.split(".")
    return ".".join(labels[_HOST_LABELS[".".join(labels[-2:])] :])


def _zone(
    settings: Settings, origin: str, inside: Iterable[Record], serial: int, about: Iterable[str]
) -> str:
    servers = settings.mail_name_servers or [settings.mail_hostname]
    # Hostmaster's mailbox is one that this host has (RFC 2142), whatever the zone.
    soa = f"{servers[0]}. hostmaster.{settings.primary_domain}. {serial} 7200 3600 1209600 {TTL}"
    lines = [
        *(f"; {line}" for line in about),
        f"$ORIGIN {origin}.",
        f"$TTL {TTL}",
        f"@ IN SOA {soa}",
        *(f"@ IN NS {server}." for server in servers),
    ]
    for record in inside:
        name = relative(record.name, origin)
        lines += [f"; {record.why}", f"{name} IN {record.type} {zone_content(record)}"]
    return "\n".join(lines) + "\n"


def zone_content(record: Record) -> str:
    """Return a record's content in zone-file form: TXT quoted, in strings of at most 255 bytes."""
    if record.type != "TXT":
        return record.content
    pieces = [record.content[at : at + 255] for at in range(0, len(record.content), 255)]
    escaped = (piece.replace("\\", "\\\\").replace('"', '\\"') for piece in pieces)
    return " ".join(f'"{piece}"' for piece in escaped)


def rdata(record: Record) -> dns.rdata.Rdata:
    """Return a record's content as dnspython compares it, for what a name server answers."""
    return dns.rdata.from_text("IN", record.type, zone_content(record))
