"""The records that the package writes, as BIND serves them: the tutorial's table, corrected."""

from __future__ import annotations

import ipaddress

import pytest

from acceptance.mailhost import DOMAINS, HOSTNAME, MailHost


def served(host: MailHost, name: str, kind: str) -> list[str]:
    """Return a record's texts as BIND answers."""
    answer = host.peer.exec("dig", "+short", "@127.0.0.1", name, kind)
    return [line.replace('" "', "").strip('"') for line in answer.splitlines()]


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_zone_is_one(host: MailHost, domain: str) -> None:
    _, zones = host.dns()
    host.peer.exec("named-checkzone", domain, "/dev/stdin", input=zones[domain])


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
    public = "openssl pkey -in $0 -pubout -outform DER | base64 -w 0"
    key = host.run("sh", "-c", public, f"/etc/dkimkeys/{domain}/default.private").strip()
    assert dkim == f"v=DKIM1; h=sha256; k=rsa; p={key}"


def test_the_helo_name_has_spf_of_its_own(host: MailHost) -> None:
    assert served(host, HOSTNAME, "TXT") == ["v=spf1 a -all"]


def test_every_record_is_printed_with_its_reason(host: MailHost) -> None:
    printed, _ = host.dns()
    pointer = ipaddress.ip_address(host.target.address).reverse_pointer
    lines = printed.splitlines()
    at = lines.index(f"{pointer}. PTR {HOSTNAME}.")
    assert "reverse DNS" in lines[at + 1]
    assert f"example.test. MX 10 {HOSTNAME}." in lines
