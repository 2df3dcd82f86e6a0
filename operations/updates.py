"""Security updates: installed by Debian's unattended-upgrades, run by needrestart."""

from __future__ import annotations

from operations.configuration import Configuration, File, render
from settings import Settings

APT = "/etc/apt/apt.conf.d/60mailhost"
NEEDRESTART = "/etc/needrestart/conf.d/mailhost.conf"


def runs(mail: Settings) -> bool:
    """Whether the host installs them by itself."""
    return mail.mail_updates != "off"


def configuration(mail: Settings) -> Configuration:
    """Return what apt and needrestart do by themselves; with `mail_updates` off, Debian's own."""
    if not runs(mail):
        return Configuration(None, [File(APT, None), File(NEEDRESTART, None)])
    apt = render("updates/apt.conf.j2", reboot=mail.mail_updates == "reboot")
    return Configuration(
        None,
        [File(APT, apt), File(NEEDRESTART, render("updates/needrestart.conf.j2"))],
        check=f"""
said=$(apt-config -c "$stage{APT}" dump 2>&1) || fail "apt refuses {APT}: $said"
""",
    )
