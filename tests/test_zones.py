"""wanted/zones.py: zone files for BIND, and long text as a zone file has it."""

from __future__ import annotations

import dns.zone
import pytest

from settings.models import Settings
from tests.tutorial import DOMAIN, HOST, KEY, KEYS, everything, example
from wanted.dns import TTL, Record, records
from wanted.zones import rdata, reverse_zones, zone_content, zone_files


def test_long_text_is_split_and_comes_together_again() -> None:
    record = Record(DOMAIN, "TXT", "a" * 255 + 'b"\\c' + "d" * 300, "")
    assert rdata(record).strings == (  # type: ignore[attr-defined]
        b"a" * 255,
        b'b"\\c' + b"d" * 251,
        b"d" * 49,
    )
    assert zone_content(Record(DOMAIN, "TXT", "a" * 255, "")) == f'"{"a" * 255}"'


def parsed(zones: dict[str, str]) -> set[tuple[str, str, str]]:
    """Return the records in zone files as (name, type, content), without SOA and NS."""
    return {
        (f"{name}".removesuffix("."), rdata.rdtype.name, rdata.to_text())
        for origin, text in zones.items()
        for name, ttl, rdata in dns.zone.from_text(text, origin, relativize=False).iterate_rdatas()
        if rdata.rdtype.name not in ("SOA", "NS") and ttl == TTL
    }


@pytest.mark.parametrize("host_settings", [example(), everything()], ids=["example", "everything"])
def test_zones_equal_the_records(host_settings: Settings) -> None:
    keys = {**KEYS, "second.org": KEY}
    wanted = records(host_settings, keys)
    assert parsed(zone_files(host_settings, wanted, 1)) == {
        (record.name, record.type, zone_content(record)) for record in wanted
    }


def test_the_files_of_a_host() -> None:
    zones = zone_files(everything(), records(everything(), KEYS), serial=7)
    reverse = ["2.0.192.in-addr.arpa", "0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"]
    assert list(zones) == [DOMAIN, "second.org", "uzoncloud.net", *reverse]
    for text in zones.values():
        lines = text.splitlines()
        at = lines.index(f"$TTL {TTL}") + 1
        assert lines[at : at + 3] == [
            f"@ IN SOA ns1.example.net. hostmaster.{DOMAIN}. 7 7200 3600 1209600 3600",
            "@ IN NS ns1.example.net.",
            "@ IN NS ns2.example.net.",
        ]
        assert "placeholders" not in text
    assert all("Only for those to whom" in zones[origin] for origin in reverse)


def test_the_tutorials_zone() -> None:
    zone = zone_files(example(), records(example(), KEYS), 1)[DOMAIN].splitlines()
    assert zone[:6] == [
        f"; {DOMAIN}, for a name server of your own or a provider that imports zone files.",
        "; SOA and NS are placeholders (mail_name_servers); a provider has its own.",
        f"$ORIGIN {DOMAIN}.",
        "$TTL 3600",
        f"@ IN SOA {HOST}. hostmaster.{DOMAIN}. 1 7200 3600 1209600 3600",
        f"@ IN NS {HOST}.",
    ]
    assert {
        "mail1 IN A 192.0.2.25",
        'mail1 IN TXT "v=spf1 a -all"',
        f"@ IN MX 10 {HOST}.",
        '@ IN TXT "v=spf1 mx ip4:192.0.2.25 ~all"',
        f'default._domainkey IN TXT "v=DKIM1; h=sha256; k=rsa; p={KEY[:227]}" "{KEY[227:]}"',
        "imap IN A 192.0.2.25",
    } <= set(zone)
    assert zone[zone.index(f"_imaps._tcp IN SRV 0 1 993 {HOST}.") - 1].startswith("; ")


def test_a_host_outside_of_its_domains_has_a_zone_of_its_own() -> None:
    host_settings = example(mail_hostname="mail.example.net", mail_client_names=[])
    zones = zone_files(host_settings, records(host_settings, KEYS), 1)
    assert list(zones) == [DOMAIN, "mail.example.net", "2.0.192.in-addr.arpa"]
    assert "\n@ IN A 192.0.2.25\n" in zones["mail.example.net"]
    assert "192.0.2.25\n" not in zones[DOMAIN]


def test_addresses_of_one_network_share_a_reverse_zone() -> None:
    other = example(mail_hostname="mail.example.net", mail_ipv4="192.0.2.77")
    both = [*records(example(), KEYS), *records(other, KEYS)]
    ((origin, text),) = reverse_zones(example(), both, 1).items()
    assert origin == "2.0.192.in-addr.arpa"
    assert f"\n25 IN PTR {HOST}.\n" in text
    assert "\n77 IN PTR mail.example.net.\n" in text
