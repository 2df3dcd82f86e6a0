"""The DNS records in every form, for the tutorial's example, corrected."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.rrset
import dns.zone
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from settings.models import Settings
from tests.inventory import settings
from wanted.dns import AT_THE_PROVIDER, TTL, Record, grouped, records
from wanted.record_lists import notices, provider_text, table
from wanted.zones import rdata, reverse_zones, zone_content, zone_files

DOMAIN, HOST = "uzoncloud.com", "mail1.uzoncloud.com"
KEY = "MIIB" + "x" * 388  # as long as the key of 2048 bits
KEYS = {DOMAIN: KEY}


def example(**changes: Any) -> Settings:
    """Return the settings of the tutorial's host; None removes a key."""
    plain = {
        "mail_hostname": HOST,
        "mail_domains": [DOMAIN],
        "mail_ipv4": "192.0.2.25",
        "mail_client_names": ["mx", "smtp", "pop", "imap"],
        "mail_users": None,
        "mail_aliases": None,
    }
    return settings(**{**plain, **changes})


def contents(host_settings: Settings, name: str, kind: str = "TXT") -> list[str]:
    """Return the contents of a name's records."""
    found = records(host_settings, KEYS)
    return [record.content for record in found if (record.name, record.type) == (name, kind)]


# ---- the records ---------------------------------------------------------------------------------

# Every row of the tutorial's table.
ROWS = [
    (HOST, "A", "192.0.2.25", True),
    (HOST, "TXT", "v=spf1 a -all", True),
    (DOMAIN, "MX", f"10 {HOST}.", True),
    (DOMAIN, "TXT", "v=spf1 mx ip4:192.0.2.25 ~all", True),
    (
        f"_dmarc.{DOMAIN}",
        "TXT",
        f"v=DMARC1; p=quarantine; adkim=r; aspf=r; rua=mailto:postmaster@{DOMAIN}",
        True,
    ),
    (f"default._domainkey.{DOMAIN}", "TXT", f"v=DKIM1; h=sha256; k=rsa; p={KEY}", True),
    *((f"{name}.{DOMAIN}", "A", "192.0.2.25", False) for name in ("mx", "smtp", "pop", "imap")),
    ("25.2.0.192.in-addr.arpa", "PTR", f"{HOST}.", True),
]
# Records that the tutorial leaves out.
MORE = [
    *((f"{name}.{DOMAIN}", "TXT", "v=spf1 -all", False) for name in ("mx", "smtp", "pop", "imap")),
    (f"_smtp._tls.{DOMAIN}", "TXT", f"v=TLSRPTv1; rua=mailto:postmaster@{DOMAIN}", False),
    (f"_submissions._tcp.{DOMAIN}", "SRV", f"0 1 465 {HOST}.", False),
    (f"_submission._tcp.{DOMAIN}", "SRV", f"5 1 587 {HOST}.", False),
    (f"_imaps._tcp.{DOMAIN}", "SRV", f"0 1 993 {HOST}.", False),
    (f"_imap._tcp.{DOMAIN}", "SRV", f"5 1 143 {HOST}.", False),
    (f"_pop3s._tcp.{DOMAIN}", "SRV", f"10 1 995 {HOST}.", False),
    (f"_pop3._tcp.{DOMAIN}", "SRV", f"15 1 110 {HOST}.", False),
]


def test_the_tutorials_records_corrected() -> None:
    found = {
        (record.name, record.type, record.content, record.required)
        for record in records(example(), KEYS)
    }
    assert found == {*ROWS, *MORE}
    assert len(records(example(), KEYS)) == len(found)


def test_every_record_has_one_line_of_why() -> None:
    host_settings = example(
        mail_null_domains=["uzoncloud.net"], mail_caa_issuers=["letsencrypt.org"]
    )
    for record in records(host_settings, KEYS):
        assert 10 < len(record.why) <= 100
        assert "\n" not in record.why


def test_ipv6_is_as_good_as_ipv4() -> None:
    host_settings = example(mail_ipv6="2001:db8::25")
    for name in (HOST, f"mx.{DOMAIN}", f"imap.{DOMAIN}"):
        assert contents(host_settings, name, "AAAA") == ["2001:db8::25"]
    assert contents(host_settings, DOMAIN) == ["v=spf1 mx ip4:192.0.2.25 ip6:2001:db8::25 ~all"]
    pointers = [record for record in records(host_settings, KEYS) if record.type == "PTR"]
    assert [(record.name, record.content) for record in pointers] == [
        ("25.2.0.192.in-addr.arpa", f"{HOST}."),
        ("5.2" + ".0" * 22 + ".8.b.d.0.1.0.0.2.ip6.arpa", f"{HOST}."),
    ]
    for record, address in zip(pointers, ("192.0.2.25", "2001:db8::25"), strict=True):
        assert record.why.startswith(f'ask for {HOST} as "reverse DNS" of {address};')


def test_issuers_of_every_name_of_the_host() -> None:
    host_settings = example(mail_caa_issuers=["letsencrypt.org", "buypass.com"])
    for name in host_settings.names:
        assert contents(host_settings, name, "CAA") == [
            '0 issue "letsencrypt.org"',
            '0 issue "buypass.com"',
            '0 issuewild ";"',
        ]
    assert all(record.type != "CAA" for record in records(example(), KEYS))


def test_tlsa_records_where_the_key_stays() -> None:
    ports = [25, 465, 587, 993, 995]
    found = [each for each in records(example(), KEYS, "ab" * 32) if each.type == "TLSA"]
    assert [each.name for each in found] == [f"_{port}._tcp.{HOST}" for port in ports]
    assert {(each.content, each.required) for each in found} == {("3 1 1 " + "ab" * 32, False)}
    assert example().mail_tls.key_stays
    assert not example(mail_tls={"mode": "files", "cert": "c", "key": "k"}).mail_tls.key_stays


def test_a_null_domain_says_so() -> None:
    host_settings = example(mail_null_domains=["uzoncloud.net"])
    found = [
        record for record in records(host_settings, KEYS) if record.name.endswith("uzoncloud.net")
    ]
    assert [(record.name, record.type, record.content) for record in found] == [
        ("uzoncloud.net", "MX", "0 ."),
        ("uzoncloud.net", "TXT", "v=spf1 -all"),
        ("_dmarc.uzoncloud.net", "TXT", "v=DMARC1; p=reject"),
        ("*._domainkey.uzoncloud.net", "TXT", "v=DKIM1; p="),
    ]


def test_each_domain_has_its_own_records() -> None:
    host_settings = example(mail_domains=[DOMAIN, "second.org"], mail_dmarc_policy="reject")
    assert contents(host_settings, "second.org", "MX") == [f"10 {HOST}."]
    assert contents(host_settings, "_dmarc.second.org") == [
        "v=DMARC1; p=reject; adkim=r; aspf=r; rua=mailto:postmaster@second.org"
    ]
    assert contents(host_settings, "_imaps._tcp.second.org", "SRV") == [f"0 1 993 {HOST}."]
    assert contents(host_settings, "default._domainkey.second.org") == []  # no key yet


def test_no_name_has_two_spf_records() -> None:
    host_settings = example(
        mail_domains=[DOMAIN, f"mx.{DOMAIN}"], mail_client_names=["mx", "mail1", "imap"]
    )
    found = records(host_settings, KEYS)
    assert len(found) == len({(record.name, record.type, record.content) for record in found})
    assert contents(host_settings, f"mx.{DOMAIN}") == ["v=spf1 mx ip4:192.0.2.25 ~all"]
    assert contents(host_settings, HOST) == ["v=spf1 a -all"]


# ---- limits of DNS -------------------------------------------------------------------------------


@pytest.mark.parametrize("selector", ["default", "s" * 63])
def test_wire_limits(selector: str) -> None:
    """With a key of 4096 bits, and a domain with a long label."""
    domain = "d" * 48 + ".example"
    public = generate_private_key(65537, 4096).public_key()
    key = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    host_settings = example(
        mail_hostname=f"mail1.{domain}",
        mail_domains=[domain],
        mail_ipv6="2001:db8::25",
        mail_null_domains=["n" * 60 + ".example"],
        mail_caa_issuers=["letsencrypt.org"],
        mail_dkim_selector=selector,
    )
    found = records(host_settings, {domain: b64encode(key).decode()})
    assert any(len(record.content) > 700 for record in found)
    for record in found:
        name = dns.name.from_text(record.name)
        assert len(name.to_wire() or b"") <= 255
        assert rdata(record).to_text() == zone_content(record)
        answer = dns.message.make_response(dns.message.make_query(name, record.type))
        answer.answer.append(dns.rrset.from_rdata(name, TTL, rdata(record)))
        # It fits into one UDP packet everywhere (DNS flag day 2020): no resolver needs TCP.
        assert len(answer.to_wire()) <= 1232


def test_long_text_is_split_and_comes_together_again() -> None:
    record = Record(DOMAIN, "TXT", "a" * 255 + 'b"\\c' + "d" * 300, "")
    assert rdata(record).strings == (  # type: ignore[attr-defined]
        b"a" * 255,
        b'b"\\c' + b"d" * 251,
        b"d" * 49,
    )
    assert zone_content(Record(DOMAIN, "TXT", "a" * 255, "")) == f'"{"a" * 255}"'


# ---- BIND zones ----------------------------------------------------------------------------------


def everything() -> Settings:
    """Return a host with each kind of record, and with a domain that does not contain its name."""
    return example(
        mail_domains=[DOMAIN, "second.org"],
        mail_ipv6="2001:db8::25",
        mail_null_domains=["uzoncloud.net"],
        mail_caa_issuers=["letsencrypt.org", "buypass.com"],
        mail_name_servers=["ns1.example.net", "ns2.example.net"],
    )


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


# ---- for people ----------------------------------------------------------------------------------


def test_the_table_shows_every_row() -> None:
    lines = table(grouped(example(), KEYS)).splitlines()
    words = [line.split(None, 3) for line in lines]
    for name, kind, content, required in (*ROWS, *MORE):
        at = words.index(["required" if required else "optional", name, kind, content])
        assert lines[at + 1].startswith(" " * 12)
    assert [line for line in lines if line and not line.startswith(" ")] == [
        f"The host {HOST}",
        f"The mail domain {DOMAIN}",
        AT_THE_PROVIDER,
    ]


def test_the_columns_are_aligned() -> None:
    for heading, found in grouped(everything(), KEYS).items():
        rows = table({heading: found}).splitlines()[1::2]
        ends = {row.index(f"  {record.type}") for row, record in zip(rows, found, strict=True)}
        assert len(ends) == 1


def blocks(host_settings: Settings) -> list[dict[str, str]]:
    """Return the fields of each block of the text for web forms."""
    text = provider_text(host_settings, grouped(host_settings, KEYS))
    return [
        {line[:11].rstrip(): line[12:] for line in part.splitlines()[1:]}
        for part in text.split("\n\n")
        if part.startswith("# ")
    ]


def test_the_text_for_web_forms_has_every_row() -> None:
    found = blocks(example())
    assert len(found) == len(ROWS) + len(MORE)
    for name, kind, content, _ in (*ROWS, *MORE):
        (block,) = [
            each for each in found if (each["full name"], each["type"]) == (f"{name}.", kind)
        ]
        before = [block[part] for part in ("priority", "weight", "port") if part in block]
        assert " ".join([*before, block["value"]]) == content
        assert block["TTL"] == "3600"
        if kind == "PTR":
            assert block["address"] == "192.0.2.25"
        else:
            assert block["zone"] == DOMAIN
            assert f"{block['name']}.{DOMAIN}".removeprefix("@.") == name


def test_web_forms_of_each_type() -> None:
    host_settings = everything()
    found = {
        (each.get("name"), each["zone"], each["type"]): each for each in blocks(host_settings)[:-2]
    }
    assert found["@", "uzoncloud.net", "MX"].items() >= {"priority": "0", "value": "."}.items()
    srv = found["_imaps._tcp", "second.org", "SRV"]
    assert (srv["priority"], srv["weight"], srv["port"]) == ("0", "1", "993")
    assert srv["value"] == f"{HOST}."
    caa = found["mail1", DOMAIN, "CAA"]  # the last of them
    assert (caa["flags"], caa["tag"], caa["value"]) == ("0", "issuewild", ";")
    dkim = found["default._domainkey", DOMAIN, "TXT"]
    assert dkim["value"] == f"v=DKIM1; h=sha256; k=rsa; p={KEY}"
    strings = dkim["in strings"].strip('"').split('" "')
    assert [len(each) for each in strings] == [255, len(dkim["value"]) - 255]
    assert "".join(strings) == dkim["value"]


def test_what_the_records_lack_is_said() -> None:
    host_settings = example()
    assert notices(host_settings, KEYS, records(host_settings, KEYS)) == []
    host_settings = example(
        mail_ipv4=None,
        mail_relayhost="smtp.example.net:587",
        mail_name_servers=[f"ns1.{DOMAIN}", "ns2.example.net"],
    )
    assert notices(host_settings, {}, records(host_settings, {})) == [
        f"{DOMAIN}: no DKIM key on the host yet: run deploy.py, then this again",
        "mail_ipv4: is missing, and with it the host's A record; write it down",
        "mail_relayhost: mail leaves through smtp.example.net:587; add what its provider says "
        "(include:…) to the SPF records",
        f"mail_name_servers: add the address of ns1.{DOMAIN} to {DOMAIN}.zone, which it is in",
    ]
    assert (
        f"; Add the address of ns1.{DOMAIN},"
        in zone_files(host_settings, records(host_settings, {}), 1)[DOMAIN]
    )
    host_settings = example(mail_name_servers=[HOST])
    assert notices(host_settings, KEYS, records(host_settings, KEYS)) == []
