"""
A whole mail host, top to bottom: `pyinfra inventories/prod.py deploy.py`.

Run again, it changes nothing; run on a host that drifted, it mends what drifted.
"""

from pyinfra import host

from facts.machine import Machine
from operations import (
    certificate,
    configuration,
    firewall,
    logins,
    mailboxes,
    packages,
    signing_keys,
)
from operations.machine import prepare_machine
from preflight import checked_settings
from services import all as services
from services import firewall as rules
from services import packages as debian
from services import renewal, updates
from wanted import addresses

# Every error in the inventory, and every reason against this machine, before it is touched.
machine = host.get_fact(Machine)
settings = checked_settings(machine)

packages.install(
    name="Packages: Postfix, Dovecot, OpenDKIM and what they need",
    packages=debian.wanted(settings, machine),
)
prepare_machine(
    name="Machine: names, clock, swap, the account that owns the mail",
    machine=machine,
    hostname=settings.mail_hostname,
    mailname=settings.primary_domain,
    swap_size=settings.mail_swap_size,
    updates=updates.runs(settings),
)
if settings.mail_tls.starts_self_signed:
    certificate.self_signed(
        name="TLS: a self-signed certificate",
        names=settings.names,
        for_a_start=renewal.enabled(settings),
    )
signing_keys.make(
    name="DKIM: a signing key for each domain",
    domains=settings.mail_domains,
    selector=settings.mail_dkim_selector,
    bits=settings.mail_dkim_bits,
)
configuration.apply(
    name="Configuration: check all of it, put it in place, run it",
    # From the journal to fail2ban, in the order of start: services/all.py
    configurations=services.configurations(settings, machine),
)
logins.verify(
    name="Logins: every user can log in, nobody else stays in",
    users=frozenset(settings.users),
)
mailboxes.retire(
    name="Mailboxes: archive or purge the mail of removed users",
    users=addresses.mailboxes(settings),
    removed=settings.removed_users,
)
# A host that refuses the rules is a mail host all the same.
firewall.apply(
    name="Firewall: only what is served, kept if SSH gets through",
    rules=rules.rules(settings, machine.ssh_ports),
)
# Last: the authority's answer is not in the host's power, and comes through the firewall.
if renewal.enabled(settings):
    certificate.renew(name="TLS: the certificate, where another one is due")
