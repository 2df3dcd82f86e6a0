"""OpenDMARC: checks SPF and DMARC of arriving mail, and adds its results to OpenDKIM's."""

from __future__ import annotations

from services.service import RESTART, Daemon, File, Service
from services.units import drop_in
from settings.models import Settings


def enabled(settings: Settings) -> bool:
    """Whether the settings want it."""
    return settings.mail_dmarc_inbound != "off"


_CHECK = """
warnings=$(opendmarc -n -c "$stage/etc/opendmarc.conf" 2>&1) ||
  fail "opendmarc refuses /etc/opendmarc.conf: $warnings"
"""

OPENDMARC = Service(
    "opendmarc",
    enabled=enabled,
    packages=("dbconfig-no-thanks", "opendmarc"),  # no database for reports
    files=(
        File("/etc/opendmarc.conf", RESTART, "opendmarc/opendmarc.conf.j2"),
        drop_in("opendmarc"),
    ),
    check=_CHECK,
    probes=lambda _: [("answers", "/var/spool/postfix/opendmarc/opendmarc.sock")],
    memory_high=48,
    memory_max=64,
    daemons=(Daemon("", 1, 8.0),),
)
