"""The DNS records that make a host's mail arrive, as pure functions of its settings and keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

import dns.name
import dns.reversename

from settings import Settings

TTL = 3600


@dataclass(frozen=True)
class Record:
    """
    One record to publish.

    + name: fully qualified, without the final dot
    + content: as a zone file has it, but a TXT record's text whole and without quotes
    + why: one line for the person who publishes it
    """

    name: str
    type: str
    content: str
    why: str


def records(mail: Settings, keys: Mapping[str, str]) -> list[Record]:
    """
    Return every record to publish for this host.

    + keys: domain -> public key (base64 of the DER form), from the host's SigningKeys
    """
    found = _host_records(mail)
    for domain in mail.mail_domains:
        found += _domain_records(mail, domain, keys.get(domain))
    return found


def _addresses(mail: Settings, name: str, why: str) -> list[Record]:
    found = []
    if mail.mail_ipv4:
        found.append(Record(name, "A", str(mail.mail_ipv4), why))
    if mail.mail_ipv6:
        found.append(Record(name, "AAAA", str(mail.mail_ipv6), why))
    return found


def _host_records(mail: Settings) -> list[Record]:
    host = mail.mail_hostname
    found = _addresses(mail, host, "the mail host; its PTR record has to lead back to this name")
    for name in mail.names[1:]:
        found += _addresses(mail, name, "a name that mail programs try by themselves")
    found.append(
        Record(host, "TXT", "v=spf1 a -all", "SPF of the HELO name: only the host itself uses it")
    )
    for address in (mail.mail_ipv4, mail.mail_ipv6):
        if address:
            found.append(_pointer(address, host))
    return found


def _pointer(address: IPv4Address | IPv6Address, host: str) -> Record:
    name = dns.reversename.from_address(str(address)).to_text(omit_final_dot=True)
    why = 'set at the VPS provider ("reverse DNS"), not in your zone; without it mail is refused'
    return Record(name, "PTR", f"{host}.", why)


def _domain_records(mail: Settings, domain: str, key: str | None) -> list[Record]:
    found = [
        Record(domain, "MX", f"10 {mail.mail_hostname}.", "where mail to this domain goes"),
        Record(domain, "TXT", spf(mail), "SPF: which addresses send mail from this domain"),
        Record(
            f"_dmarc.{domain}",
            "TXT",
            dmarc(mail, domain),
            "DMARC (RFC 9989): what to do with forgeries, and where to report them",
        ),
    ]
    if key:
        found.append(
            Record(
                f"{mail.mail_dkim_selector}._domainkey.{domain}",
                "TXT",
                f"v=DKIM1; h=sha256; k=rsa; p={key}",
                "DKIM (RFC 6376): the key that our signatures are verified with",
            )
        )
    return found


def dmarc(mail: Settings, domain: str) -> str:
    """Return a mail domain's DMARC record (RFC 9989, which has no `pct` any more)."""
    tags = ["v=DMARC1", f"p={mail.mail_dmarc_policy}", "adkim=r", "aspf=r"]
    return "; ".join([*tags, f"rua=mailto:postmaster@{domain}"])


def spf(mail: Settings) -> str:
    """Return the SPF record of each mail domain (RFC 7208): two of the ten look-ups are used."""
    addresses = []
    if mail.mail_ipv4:
        addresses.append(f"ip4:{mail.mail_ipv4}")
    if mail.mail_ipv6:
        addresses.append(f"ip6:{mail.mail_ipv6}")
    return " ".join(["v=spf1", "mx", *addresses, mail.mail_spf_all])


def zone(domain: str, wanted: Iterable[Record], name_server: str) -> str:
    """
    Return those of the records that belong into a domain's zone, as a BIND zone file.

    + name_server: for the SOA and NS records, which a file needs to be a zone; a DNS provider that
      imports the file has its own
    """
    origin = dns.name.from_text(domain)
    lines = [
        f"$ORIGIN {domain}.",
        f"$TTL {TTL}",
        f"@ IN SOA {name_server}. hostmaster.{domain}. 1 7200 3600 1209600 {TTL}",
        f"@ IN NS {name_server}.",
    ]
    for record in wanted:
        name = dns.name.from_text(record.name)
        if name.is_subdomain(origin):
            relative = name.relativize(origin).to_text()
            lines += [f"; {record.why}", f"{relative} IN {record.type} {zone_content(record)}"]
    return "\n".join(lines) + "\n"


def zone_content(record: Record) -> str:
    """Return a record's content in zone-file form: TXT quoted, in strings of at most 255 bytes."""
    if record.type != "TXT":
        return record.content
    pieces = [record.content[at : at + 255] for at in range(0, len(record.content), 255)]
    return " ".join('"' + piece.replace('"', '\\"') + '"' for piece in pieces)
