"""
Print the DNS records to publish, and write them as zone files to build/dns/HOSTNAME/:
`pyinfra inventories/prod.py tasks/dns.py` (`make dns`). Changes nothing on the host.
"""

from pathlib import Path

from pyinfra import host
from pyinfra.api.output import echo

from facts.opendkim import SigningKeys
from operations import dns
from operations.preflight import checked_settings

mail = checked_settings()
found = host.get_fact(SigningKeys)
keys = {
    domain: key["public_key"]
    for domain, selectors in found.items()
    if (key := selectors.get(mail.mail_dkim_selector)) and key["public_key"]
}
wanted = dns.records(mail, keys)

folder = Path("build/dns") / mail.mail_hostname
folder.mkdir(parents=True, exist_ok=True)
for domain in mail.mail_domains:
    if domain not in keys:
        echo(f"{domain}: no DKIM key on the host yet: run deploy.py, then this again", err=True)
    (folder / f"{domain}.zone").write_text(dns.zone(domain, wanted, mail.mail_hostname))
for record in wanted:
    echo(f"{record.name}. {record.type} {record.content}\n    {record.why}", err=True)
echo(f"\nThe same as BIND zones, for your DNS server: {folder}/", err=True)
