"""DNS records as BIND zones, for your own name server or a provider that imports zones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import dns.name
import dns.rdata

from settings.models import Settings
from wanted.dns import TTL, Record

#: Number of labels of a reverse name before its zone, which is of a /24 (IPv4) or /64 (IPv6).
_HOST_LABELS = {"in-addr.arpa": 1, "ip6.arpa": 16}


def zone_files(settings: Settings, wanted: Sequence[Record], serial: int) -> dict[str, str]:
    """
    Return origin -> zone file of the forward and reverse zones that hold all the records.

    + serial: of the SOA records; secondary servers fetch a zone only after its serial has grown
    """
    forward = {
        origin: forward_zone(settings, origin, wanted, serial) for origin in origins(settings)
    }
    return forward | reverse_zones(settings, wanted, serial)


def origins(settings: Settings) -> list[str]:
    """Return the names of the forward zones; a hostname outside the domains is its own zone."""
    domains = [*settings.mail_domains, *settings.mail_null_domains]
    own = [] if enclosing(domains, settings.mail_hostname) else [settings.mail_hostname]
    return [*domains, *own]


def enclosing(domains: Iterable[str], name: str) -> str | None:
    """Return the domain that a name is in; of nested domains, the longest."""
    found = [domain for domain in domains if f".{name}".endswith(f".{domain}")]
    return max(found, key=len, default=None)


def relative(name: str, origin: str) -> str:
    """Return a name in zone-file form: relative to the zone, `@` for the zone itself."""
    return dns.name.from_text(name).relativize(dns.name.from_text(origin)).to_text()


def forward_zone(settings: Settings, origin: str, wanted: Iterable[Record], serial: int) -> str:
    """Return the zone file of a name, with the records at it and below it."""
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
    """Return the name servers inside a zone whose addresses we do not know."""
    known = {record.name for record in inside if record.type in ("A", "AAAA")}
    return [
        server
        for server in settings.mail_name_servers
        if enclosing([origin], server) and server not in known
    ]


def reverse_zones(settings: Settings, wanted: Iterable[Record], serial: int) -> dict[str, str]:
    """
    Return origin -> zone file with the PTR records, also of several hosts together.

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
    # In every zone, hostmaster (RFC 2142) is an address on this host.
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
    """Return a record's content in zone-file form: TXT in quoted strings of at most 255 bytes."""
    if record.type != "TXT":
        return record.content
    pieces = [record.content[at : at + 255] for at in range(0, len(record.content), 255)]
    escaped = (piece.replace("\\", "\\\\").replace('"', '\\"') for piece in pieces)
    return " ".join(f'"{piece}"' for piece in escaped)


def rdata(record: Record) -> dns.rdata.Rdata:
    """Return a record's content in dnspython's form, to compare with a name server's answer."""
    return dns.rdata.from_text("IN", record.type, zone_content(record))
