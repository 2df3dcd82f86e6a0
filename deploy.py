"""
A whole mail host, top to bottom: `pyinfra inventories/prod.py deploy.py`.

A second run changes nothing. A run on a host that drifted mends what drifted.
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
from services.all import ALL
from services.configuration import configurations, wanted_packages
from wanted import addresses

# Raises every error of inventory and machine before anything is touched.
machine = host.get_fact(Machine)
settings = checked_settings(machine)

packages.install(
    name="Packages: Postfix, Dovecot, OpenDKIM and what they need",
    packages=wanted_packages(ALL, settings, machine),
)
prepare_machine(
    name="Machine: names, clock, swap, the account that owns the mail",
    machine=machine,
    hostname=settings.mail_hostname,
    mailname=settings.primary_domain,
    swap_size=settings.mail_swap_size,
    updates=settings.mail_updates != "off",
)
if settings.mail_tls.starts_self_signed:
    certificate.self_signed(
        name="TLS: a self-signed certificate",
        names=settings.names,
        for_a_start=settings.mail_tls.renewed_by_host,
    )
signing_keys.make(
    name="DKIM: a signing key for each domain",
    domains=settings.mail_domains,
    selector=settings.mail_dkim_selector,
    bits=settings.mail_dkim_bits,
)
# The services in the order in which they start: services/all.py
wanted = configurations(ALL, settings, machine)
configuration.apply(
    name="Configuration: check all of it, put it in place, run it",
    configurations=list(wanted.values()),
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
# After the services: a host whose kernel refuses the rules still serves mail.
firewall.apply(
    name="Firewall: only what is served, kept if SSH gets through",
    files=wanted["mailhost-firewall"].files,
)
# Last: the authority may refuse, and its connection has to pass the firewall.
if settings.mail_tls.renewed_by_host:
    certificate.renew(name="TLS: the certificate, where another one is due")
