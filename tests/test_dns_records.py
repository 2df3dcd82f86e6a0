"""wanted/dns.py: the records of the tutorial's host, corrected, and the limits of DNS."""

from __future__ import annotations

from base64 import b64encode

import dns.message
import dns.name
import dns.rrset
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from settings.models import Settings
from tests.tutorial import DOMAIN, HOST, KEYS, MORE, ROWS, example
from wanted.dns import TTL, records
from wanted.zones import rdata, zone_content


def contents(host_settings: Settings, name: str, kind: str = "TXT") -> list[str]:
    """Return the contents of a name's records."""
    found = records(host_settings, KEYS)
    return [record.content for record in found if (record.name, record.type) == (name, kind)]


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
