"""The DNS records that a mail host needs: pure functions of its settings and keys."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from itertools import chain

import dns.reversename

from settings.models import Settings
from wanted import mta_sts

#: Seconds.
TTL = 3600
#: Ports that get a TLSA record: server-to-server SMTP, and client ports that use TLS.
DANE_PORTS = (25, 465, 587, 993, 995)
AT_THE_PROVIDER = "At the provider of the address, not in your zone"

# SRV records by which mail programs find the server from an address (RFC 6186, RFC 8314): (service,
# priority, port, purpose). Low priorities are preferred: TLS from the start, and IMAP.
_SERVICES = (
    ("_submissions", 0, 465, "sending, in TLS"),
    ("_submission", 5, 587, "sending, by STARTTLS"),
    ("_imaps", 0, 993, "IMAP, in TLS"),
    ("_imap", 5, 143, "IMAP, by STARTTLS"),
    ("_pop3s", 10, 995, "POP3, in TLS"),
    ("_pop3", 15, 110, "POP3, by STARTTLS"),
)


@dataclass(frozen=True)
class Record:
    """
    One record to publish.

    + name: fully qualified, without the final dot
    + content: as in a zone file, but the text of a TXT record is whole and without quotes
    + why: one line for the person who publishes it
    + required: mail is lost, refused or forged without it; the others help or add safety
    """

    name: str
    type: str
    content: str
    why: str
    required: bool = True


def records(settings: Settings, keys: Mapping[str, str], tls_key: str = "") -> list[Record]:
    """
    Return every record to publish for this host.

    + keys: domain -> public DKIM key (base64 of the DER form), see facts/opendkim.py
    + tls_key: SHA-256 of the certificate's public key; "" if it changes or is not known
    """
    return list(chain.from_iterable(grouped(settings, keys, tls_key).values()))


def grouped(
    settings: Settings, keys: Mapping[str, str], tls_key: str = ""
) -> dict[str, list[Record]]:
    """Return heading -> records: the host's, each domain's, and those at the address's provider."""
    groups = {
        f"The host {settings.mail_hostname}": _host_records(settings) + tlsa(settings, tls_key)
    }
    for domain in settings.mail_domains:
        groups[f"The mail domain {domain}"] = _domain_records(settings, domain, keys.get(domain))
    for domain in settings.mail_null_domains:
        groups[f"The domain {domain}, which has no mail"] = _null_domain_records(domain)
    groups[AT_THE_PROVIDER] = [
        _pointer(address, settings.mail_hostname) for address in host_addresses(settings)
    ]
    return {heading: found for heading, found in groups.items() if found}


def host_addresses(settings: Settings) -> list[IPv4Address | IPv6Address]:
    """Return the host's addresses that the inventory has."""
    return [address for address in (settings.mail_ipv4, settings.mail_ipv6) if address]


def _address_records(settings: Settings, name: str, why: str, required: bool) -> list[Record]:
    return [
        Record(name, "A" if address.version == 4 else "AAAA", str(address), why, required)
        for address in host_addresses(settings)
    ]


def _host_records(settings: Settings) -> list[Record]:
    host = settings.mail_hostname
    why = "the mail host; the reverse name of the address has to lead back to this name"
    found = [
        *_address_records(settings, host, why, required=True),
        Record(host, "TXT", "v=spf1 a -all", "SPF of the HELO name: only the host itself uses it"),
        *_issuers(settings, host),
    ]
    for name in settings.client_names:
        if name != host:
            found += _client_name_records(settings, name)
    return found


def tlsa(settings: Settings, tls_key: str) -> list[Record]:
    """Return the DANE records (RFC 7672, RFC 6698) as 3 1 1: this key, whoever the issuer."""
    why = "DANE (RFC 7672): the key that TLS has to show; it counts in a zone signed by DNSSEC only"
    return [
        Record(f"_{port}._tcp.{settings.mail_hostname}", "TLSA", f"3 1 1 {tls_key}", why, False)
        for port in DANE_PORTS
        if tls_key
    ]


def _client_name_records(settings: Settings, name: str) -> list[Record]:
    why = "a name that mail programs try by themselves"
    found = _address_records(settings, name, why, required=False)
    if name not in settings.mail_domains:  # a domain has SPF already, and two are an error
        why = "SPF: this name sends nothing, so nobody can send as it"
        found.append(Record(name, "TXT", "v=spf1 -all", why, required=False))
    return found + _issuers(settings, name)


def _issuers(settings: Settings, name: str) -> list[Record]:
    """Return the CAA records (RFC 8659) of a name; [] if the settings name no issuer."""
    if not settings.mail_caa_issuers:
        return []
    why = "CAA: only a listed authority may issue the name's certificate"
    wildcards = "CAA: nobody may issue a wildcard certificate below the name"
    return [
        *(Record(name, "CAA", f'0 issue "{one}"', why, False) for one in settings.mail_caa_issuers),
        Record(name, "CAA", '0 issuewild ";"', wildcards, required=False),
    ]


def _pointer(address: IPv4Address | IPv6Address, host: str) -> Record:
    name = dns.reversename.from_address(str(address)).to_text(omit_final_dot=True)
    why = f'ask for {host} as "reverse DNS" of {address}; without it mail is refused'
    return Record(name, "PTR", f"{host}.", why)


def _domain_records(settings: Settings, domain: str, key: str | None) -> list[Record]:
    host = f"{settings.mail_hostname}."
    why = "DMARC (RFC 9989): what to do with forgeries, and where to report them"
    found = [
        Record(domain, "MX", f"10 {host}", "where mail to this domain goes"),
        Record(domain, "TXT", spf(settings), "SPF: which addresses send mail from this domain"),
        Record(f"_dmarc.{domain}", "TXT", dmarc(settings, domain), why),
    ]
    if key:
        name = f"{settings.mail_dkim_selector}._domainkey.{domain}"
        why = "DKIM (RFC 6376): the key that our signatures are verified with"
        found.append(Record(name, "TXT", f"v=DKIM1; h=sha256; k=rsa; p={key}", why))
    why = "TLS-RPT (RFC 8460): where others report that mail to us found no proper TLS"
    report = f"v=TLSRPTv1; rua=mailto:postmaster@{domain}"
    found.append(Record(f"_smtp._tls.{domain}", "TXT", report, why, required=False))
    if mta_sts.enabled(settings):
        why = "MTA-STS (RFC 8461): there is a policy; its id changes only when the policy does"
        policy = mta_sts.record(settings)
        found.append(Record(f"_mta-sts.{domain}", "TXT", policy, why, required=False))
    if settings.mail_web:
        why = "who looks for settings or policy of this domain finds the host's web server"
        found += [
            Record(name, "CNAME", host, why, required=False)
            for name in settings.web_names(domain)
            if name not in (settings.mail_hostname, *settings.client_names)
        ]
    for service, priority, port, what in _SERVICES:
        why = f"mail programs find the server by the address: {what}"
        content = f"{priority} 1 {port} {host}"
        found.append(Record(f"{service}._tcp.{domain}", "SRV", content, why, required=False))
    return found


def _null_domain_records(domain: str) -> list[Record]:
    why = "DKIM: every key that somebody may hold of this domain is revoked"
    return [
        Record(domain, "MX", "0 .", "null MX (RFC 7505): this domain receives no mail"),
        Record(domain, "TXT", "v=spf1 -all", "SPF: this domain sends nothing"),
        Record(f"_dmarc.{domain}", "TXT", "v=DMARC1; p=reject", "DMARC: what claims so is forged"),
        Record(f"*._domainkey.{domain}", "TXT", "v=DKIM1; p=", why, required=False),
    ]


def dmarc(settings: Settings, domain: str) -> str:
    """Return a mail domain's DMARC record (RFC 9989, which has dropped `pct`)."""
    tags = ["v=DMARC1", f"p={settings.mail_dmarc_policy}", "adkim=r", "aspf=r"]
    return "; ".join([*tags, f"rua=mailto:postmaster@{domain}"])


def spf(settings: Settings) -> str:
    """Return the SPF record of each mail domain (RFC 7208); it uses one of the ten look-ups."""
    addresses = [f"ip{address.version}:{address}" for address in host_addresses(settings)]
    return " ".join(["v=spf1", "mx", *addresses, settings.mail_spf_all])
