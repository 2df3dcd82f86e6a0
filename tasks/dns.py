"""
Print the DNS records to publish, and write them to build/dns/HOSTNAME/, as zone files and as text
for web forms: `pyinfra inventories/prod.py tasks/dns.py` (`make dns`). Changes nothing on the host.
"""

import time
from pathlib import Path

from pyinfra import host
from pyinfra.api.output import echo

from facts.opendkim import SigningKeys, public_keys
from facts.text import printable
from facts.tls import Certificate
from preflight import checked_settings
from wanted import dns, record_lists, zones

settings = checked_settings()
keys = public_keys(host.get_fact(SigningKeys), settings.mail_dkim_selector)
certificate = host.get_fact(Certificate) if settings.mail_tls.key_stays else None
tls_key = certificate.key_sha256 if certificate else ""
groups = dns.grouped(settings, keys, tls_key)
wanted = dns.records(settings, keys, tls_key)

folder = Path("build/dns") / settings.mail_hostname
folder.mkdir(parents=True, exist_ok=True)
for outdated in folder.glob("*.zone"):
    outdated.unlink()
for origin, text in zones.zone_files(settings, wanted, serial=int(time.time())).items():
    (folder / f"{origin}.zone").write_text(text)
(folder / "records.txt").write_text(record_lists.provider_text(settings, groups))

echo(printable(record_lists.table(groups), keep="\n"), err=True)
echo(f"\nFor the web form of a DNS provider, field by field: {folder}/records.txt", err=True)
echo(f"For a DNS server of your own, as BIND zones: {folder}/*.zone", err=True)
for notice in record_lists.notices(settings, keys, wanted):
    echo(f"\n{printable(notice)}", err=True)
