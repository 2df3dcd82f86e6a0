"""The host of the tutorial: its settings and its DNS records, for the tests of wanted/."""

from __future__ import annotations

from typing import Any

from settings.models import Settings
from tests.inventory import settings

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


def everything() -> Settings:
    """Return a host with each kind of record, and with a domain that does not contain its name."""
    return example(
        mail_domains=[DOMAIN, "second.org"],
        mail_ipv6="2001:db8::25",
        mail_null_domains=["uzoncloud.net"],
        mail_caa_issuers=["letsencrypt.org", "buypass.com"],
        mail_name_servers=["ns1.example.net", "ns2.example.net"],
    )
