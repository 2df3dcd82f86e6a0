"""Debian packages, installed without a moment in which a service runs unconfigured."""

from __future__ import annotations

from facts.machine import MachineState
from services import fail2ban, firewall, opendmarc, postsrsd, renewal, updates, web
from services.journald import time_packages
from settings.models import Settings

_ALWAYS = (
    "ca-certificates",  # whom we trust when other hosts offer TLS
    "dovecot-imapd",
    "dovecot-pop3d",
    "opendkim",
    "opendkim-tools",
    "openssl",
    "postfix",
    "python3",  # asks the services after a change (probe/), counts what logins send
)


def wanted(settings: Settings, machine: MachineState) -> list[str]:
    """Return the Debian packages of this host, as few as do the job."""
    packages = [*_ALWAYS, *time_packages(machine)]
    if firewall.runs(settings) or fail2ban.runs(settings):
        packages.append("nftables")
    if updates.runs(settings):
        packages += ["needrestart", "unattended-upgrades"]
    if opendmarc.runs(settings):
        packages += ["dbconfig-no-thanks", "opendmarc"]  # no database for reports
    if postsrsd.runs(settings):
        packages.append("postsrsd")
    if fail2ban.runs(settings):
        packages += ["fail2ban", "python3-systemd"]  # it reads the journal
    if web.runs(settings):
        packages += ["lighttpd", "lighttpd-mod-openssl"]
    packages += renewal.packages(settings)
    if settings.mail_relayhost_credentials:
        packages.append("libsasl2-modules")  # PLAIN and LOGIN as a client
    return packages
