"""OpenDMARC: SPF and DMARC of arriving mail, written beside OpenDKIM's result."""

from __future__ import annotations

from operations.configuration import Configuration, File, render
from operations.units import drop_in
from settings import Settings


def runs(mail: Settings) -> bool:
    """Whether these settings need it."""
    return mail.mail_dmarc_inbound != "off"


def configuration(mail: Settings) -> Configuration:
    """Return OpenDMARC's files; with `mail_dmarc_inbound` off it does not run."""
    if not runs(mail):
        return Configuration("opendmarc", [], runs=False)
    main = render(
        "opendmarc/opendmarc.conf.j2",
        hostname=mail.mail_hostname,
        enforce=mail.mail_dmarc_inbound == "enforce",
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
