"""Security updates: installed by Debian's unattended-upgrades, run by needrestart."""

from __future__ import annotations

from services.service import Configuration, File
from settings.models import Settings
from wanted.rendering import render

APT = "/etc/apt/apt.conf.d/60mailhost"
NEEDRESTART = "/etc/needrestart/conf.d/mailhost.conf"


def runs(settings: Settings) -> bool:
    """Whether the host installs them by itself."""
    return settings.mail_updates != "off"


def configuration(settings: Settings) -> Configuration:
    """Return what apt and needrestart do by themselves; with `mail_updates` off, Debian's own."""
    if not runs(settings):
        return Configuration(None, [File(APT, None), File(NEEDRESTART, None)])
    apt = render("updates/apt.conf.j2", reboot=settings.mail_updates == "reboot")
    return Configuration(
        None,
        [File(APT, apt), File(NEEDRESTART, render("updates/needrestart.conf.j2"))],
        check=f"""
said=$(apt-config -c "$stage{APT}" dump 2>&1) || fail "apt refuses {APT}: $said"
""",
    )
