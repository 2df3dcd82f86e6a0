"""Security updates: unattended-upgrades installs them, needrestart restarts services."""

from __future__ import annotations

from services.service import Daemon, File, Service, no_effect
from settings.models import Settings

APT = "/etc/apt/apt.conf.d/60mailhost"
NEEDRESTART = "/etc/needrestart/conf.d/mailhost.conf"


def enabled(settings: Settings) -> bool:
    """Whether the host installs security updates by itself."""
    return settings.mail_updates != "off"


UPDATES = Service(
    "unattended-upgrades",
    has_unit=False,  # Debian's timers of apt start it
    enabled=enabled,
    packages=("needrestart", "unattended-upgrades"),
    files=(
        File(
            APT,
            no_effect("apt reads it at each start"),
            "updates/apt.conf.j2",
            removed=True,
        ),
        File(
            NEEDRESTART,
            no_effect("needrestart reads it at each start"),
            "updates/needrestart.conf.j2",
            removed=True,
        ),
    ),
    check=f"""
said=$(apt-config -c "$stage{APT}" dump 2>&1) || fail "apt refuses {APT}: $said"
""",
    daemons=(Daemon("", 1, 9.0),),
)
