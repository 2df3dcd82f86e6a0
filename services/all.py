"""The configuration of every service of the host, from its settings."""

from __future__ import annotations

from facts.machine import MachineState
from layout import VMAIL_IDS
from services import (
    dovecot,
    fail2ban,
    journald,
    limits,
    opendkim,
    opendmarc,
    postfix,
    postsrsd,
    renewal,
    tls,
    updates,
    web,
)
from services.service import Configuration
from settings.models import Settings


def configurations(settings: Settings, machine: MachineState) -> list[Configuration]:
    """Return what deploy.py puts in place and tasks/drift.py looks for, in the order of start."""
    vmail = machine.vmail or VMAIL_IDS
    return [
        journald.configuration(machine),
        tls.configuration(settings),
        opendkim.configuration(settings, machine.nameservers),
        opendmarc.configuration(settings),
        postsrsd.configuration(settings),
        limits.configuration(settings),
        dovecot.configuration(machine.release, settings, vmail),
        postfix.tables(machine.release, settings),
        postfix.configuration(machine.release, settings, vmail),
        web.configuration(settings),
        fail2ban.configuration(settings, machine),
        updates.configuration(settings),
        *renewal.configurations(settings),
    ]
