"""The configuration of every service of the host, from its settings."""

from __future__ import annotations

from facts.system import SystemState
from operations import (
    dovecot,
    fail2ban,
    limits,
    opendkim,
    opendmarc,
    postfix,
    postsrsd,
    renewal,
    system,
    tls,
    updates,
    web,
)
from operations.configuration import Configuration
from settings import Settings


def configurations(mail: Settings, machine: SystemState) -> list[Configuration]:
    """Return what deploy.py puts in place and tasks/drift.py looks for, in the order of start."""
    vmail = machine.vmail or system.VMAIL_IDS
    return [
        system.configuration(machine),
        tls.configuration(mail),
        opendkim.configuration(mail, machine.nameservers),
        opendmarc.configuration(mail),
        postsrsd.configuration(mail),
        limits.configuration(mail),
        dovecot.configuration(machine.release, mail, vmail),
        postfix.tables(machine.release, mail),
        postfix.configuration(machine.release, mail, vmail),
        web.configuration(mail),
        fail2ban.configuration(mail, machine),
        updates.configuration(mail),
        *renewal.configurations(mail),
    ]
