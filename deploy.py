"""
A whole mail host, top to bottom: `pyinfra inventories/prod.py deploy.py`.

Run again, it changes nothing; run on a host that drifted, it mends what drifted.
"""

from pyinfra import host

from facts.system import System
from operations import (
    addresses,
    configuration,
    dovecot,
    firewall,
    mailboxes,
    opendkim,
    packages,
    renewal,
    services,
    system,
    tls,
    updates,
)
from operations.preflight import checked_settings

# Every error in the inventory, and every reason against this machine, before it is touched.
machine = host.get_fact(System)
mail = checked_settings(machine)

packages.install(
    name="Packages: Postfix, Dovecot, OpenDKIM and what they need",
    packages=packages.wanted(mail, machine),
)
system.configure(
    name="Machine: names, clock, swap, the account that owns the mail",
    system=machine,
    hostname=mail.mail_hostname,
    mailname=mail.primary_domain,
    swap_size=mail.mail_swap_size,
    updates=updates.runs(mail),
)
if mail.mail_tls.mode != "files":
    tls.self_signed(
        name="TLS: a self-signed certificate",
        names=mail.names,
        for_a_start=renewal.runs(mail),
    )
opendkim.keys(
    name="DKIM: a signing key for each domain",
    domains=mail.mail_domains,
    selector=mail.mail_dkim_selector,
    bits=mail.mail_dkim_bits,
)
configuration.apply(
    name="Configuration: check all of it, put it in place, run it",
    # From the journal to fail2ban, in the order of start: operations/services.py
    configurations=services.configurations(mail, machine),
)
dovecot.logins(
    name="Logins: every user can log in, nobody else stays in",
    users=frozenset(mail.users),
)
mailboxes.retire(
    name="Mailboxes: archive or purge the mail of removed users",
    users=addresses.mailboxes(mail),
    removed=mail.removed_users,
)
# A host that refuses the rules is a mail host all the same.
firewall.apply(
    name="Firewall: only what is served, kept if SSH gets through",
    rules=firewall.rules(mail, machine.ssh_ports),
)
# Last: the authority's answer is not in the host's power, and comes through the firewall.
if renewal.runs(mail):
    renewal.renew(name="TLS: the certificate, where another one is due")
