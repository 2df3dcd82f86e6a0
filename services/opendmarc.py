"""OpenDMARC: SPF and DMARC of arriving mail, written beside OpenDKIM's result."""

from __future__ import annotations

from services.service import Configuration, File
from services.units import drop_in
from settings.models import Settings
from wanted.rendering import render


def runs(settings: Settings) -> bool:
    """Whether these settings need it."""
    return settings.mail_dmarc_inbound != "off"


def configuration(settings: Settings) -> Configuration:
    """Return OpenDMARC's files; with `mail_dmarc_inbound` off it does not run."""
    if not runs(settings):
        return Configuration("opendmarc", [], runs=False)
    main = render(
        "opendmarc/opendmarc.conf.j2",
        hostname=settings.mail_hostname,
        enforce=settings.mail_dmarc_inbound == "enforce",
    )
    return Configuration(
        "opendmarc",
        [File("/etc/opendmarc.conf", main), drop_in("opendmarc")],
        check=_CHECK,
        probes=[("answers", "/var/spool/postfix/opendmarc/opendmarc.sock")],
    )


_CHECK = """
warnings=$(opendmarc -n -c "$stage/etc/opendmarc.conf" 2>&1) ||
  fail "opendmarc refuses /etc/opendmarc.conf: $warnings"
"""
