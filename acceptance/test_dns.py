"""The records that the package writes, as BIND serves them: the tutorial's table, corrected."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

import dns.rdata
import dns.resolver
import pytest

from acceptance.support.mailhost import MailHost
from settings.parsing import parse
from testbed import peer
from testbed.inventory import DOMAINS, HOSTNAME, inventory_data
from wanted.dns import Record, records
from wanted.zones import enclosing, rdata

IPV6 = {"mail_ipv6": "2001:db8::25"}  # for the records only: the test network has no IPv6


def served(host: MailHost, name: str, kind: str) -> list[str]:
    """Return a record's texts as BIND answers."""
    answer = host.peer.exec("dig", "+short", "@127.0.0.1", name, kind)
    return [line.replace('" "', "").strip('"') for line in answer.splitlines()]


def answers(host: MailHost, name: str, kind: str) -> set[dns.rdata.Rdata]:
    """Return a name's records as dnspython gets them from BIND."""
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [host.peer.address]
    return set(resolver.resolve(name, kind, lifetime=5))


def public_key(host: MailHost, domain: str) -> str:
    """Return a domain's public key, read by OpenSSL."""
    public = "openssl pkey -in $0 -pubout -outform DER | base64 -w 0"
    return host.run("sh", "-c", public, f"/etc/dkimkeys/{domain}/default.private").strip()


@pytest.fixture(scope="module")
def wanted(host: MailHost) -> list[Record]:
    """Every record of the host, with an IPv6 address as well."""
    settings, problems = parse(inventory_data(host.target) | IPV6)
    assert problems == []
    return records(settings, {domain: public_key(host, domain) for domain in DOMAINS})


@pytest.fixture
def loaded(host: MailHost) -> Iterator[dict[str, str]]:
    """Every zone file of the host with an IPv6 address, reverse ones included, served by BIND."""
    _, plain = host.dns()
    _, found = host.dns(**IPV6)
    pointer = ipaddress.ip_address(host.peer.address).reverse_pointer
    line = f"{pointer}. IN PTR {peer.HOSTNAME}.\n"
    kept = {origin: line if enclosing([origin], pointer) else "" for origin in found}
    for origin, text in found.items():
        host.peer.load_zone(origin, text + kept[origin])
    yield found
    for origin in found:  # the host has no IPv6 and no reverse name again
        host.peer.load_zone(origin, kept[origin] if origin.endswith(".arpa") else plain[origin])


def test_named_checkzone_has_nothing_to_say(host: MailHost) -> None:
    _, zones = host.dns(**IPV6)
    network = ".".join(reversed(host.target.address.split(".")[:3]))
    reverse = {f"{network}.in-addr.arpa", "0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"}
    assert zones.keys() == {*DOMAINS, "null.test", *reverse}
    for origin, text in zones.items():
        said = host.peer.exec(
            "sh", "-c", 'named-checkzone "$0" /dev/stdin 2>&1', origin, input=text
        )
        first, *others = said.splitlines()
        assert first.startswith(f"zone {origin}/IN: loaded serial ")
        assert others == ["OK"]


def test_bind_serves_every_record(
    host: MailHost, loaded: dict[str, str], wanted: list[Record]
) -> None:
    expected: dict[tuple[str, str], set[dns.rdata.Rdata]] = {}
    for record in wanted:
        expected.setdefault((record.name, record.type), set()).add(rdata(record))
    assert {kind for _, kind in expected} == {"A", "AAAA", "CAA", "MX", "PTR", "SRV", "TXT"}
    assert {key: answers(host, *key) for key in expected} == expected
    for origin in loaded:
        assert {str(each) for each in answers(host, origin, "NS")} == {"ns.world.test."}


def test_no_key_of_a_null_domain_is_good(host: MailHost) -> None:
    assert served(host, "whatever._domainkey.null.test", "TXT") == ["v=DKIM1; p="]
    assert served(host, "null.test", "MX") == ["0 ."]


def test_names_lead_to_the_host(host: MailHost) -> None:
    for name in (HOSTNAME, "imap.example.test", "smtp.example.test"):
        assert served(host, name, "A") == [host.target.address]


@pytest.mark.parametrize("domain", DOMAINS)
def test_records_of_each_domain(host: MailHost, domain: str) -> None:
    address = host.target.address
    assert served(host, domain, "MX") == [f"10 {HOSTNAME}."]
    assert served(host, domain, "TXT") == [f"v=spf1 mx ip4:{address} ~all"]
    (dmarc,) = served(host, f"_dmarc.{domain}", "TXT")
    assert dmarc.startswith("v=DMARC1; p=quarantine; adkim=r; aspf=r; rua=mailto:")
    assert "pct" not in dmarc
    (dkim,) = served(host, f"default._domainkey.{domain}", "TXT")
    assert dkim == f"v=DKIM1; h=sha256; k=rsa; p={public_key(host, domain)}"


def test_the_helo_name_has_spf_of_its_own(host: MailHost) -> None:
    assert served(host, HOSTNAME, "TXT") == ["v=spf1 a -all"]


def test_every_record_is_printed_with_its_reason(host: MailHost, wanted: list[Record]) -> None:
    printed, _ = host.dns(**IPV6)
    lines = [line.split(None, 3) for line in printed.splitlines()]
    for record in wanted:
        need = "required" if record.required else "optional"
        at = lines.index([need, record.name, record.type, record.content])
        assert printed.splitlines()[at + 1].strip() == record.why
    # Said here as well, since what is wanted comes from the same code.
    pointer = ipaddress.ip_address(host.target.address).reverse_pointer
    assert ["required", pointer, "PTR", f"{HOSTNAME}."] in lines
