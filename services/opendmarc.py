"""OpenDMARC: SPF and DMARC of arriving mail, written beside OpenDKIM's result."""

from __future__ import annotations

from collections.abc import Mapping

from facts.machine import MachineState
from services.service import RESTART, Daemon, File, Service
from services.units import drop_in
from settings.models import Settings


def enabled(settings: Settings) -> bool:
    """Whether these settings need it."""
    return settings.mail_dmarc_inbound != "off"


def _values(settings: Settings, machine: MachineState) -> Mapping[str, object]:
    return {
        "hostname": settings.mail_hostname,
        "enforce": settings.mail_dmarc_inbound == "enforce",
    }


_CHECK = """
warnings=$(opendmarc -n -c "$stage/etc/opendmarc.conf" 2>&1) ||
  fail "opendmarc refuses /etc/opendmarc.conf: $warnings"
"""

OPENDMARC = Service(
    "opendmarc",
    enabled=enabled,
    packages=("dbconfig-no-thanks", "opendmarc"),  # no database for reports
    files=(
        File("/etc/opendmarc.conf", RESTART, "opendmarc/opendmarc.conf.j2", _values),
        drop_in("opendmarc"),
    ),
    check=_CHECK,
    probes=lambda _: [("answers", "/var/spool/postfix/opendmarc/opendmarc.sock")],
    memory_high=48,
    memory_max=64,
    daemons=(Daemon("", 1, 8.0),),
)
