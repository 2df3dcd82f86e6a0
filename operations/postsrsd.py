"""PostSRSd: envelope senders of forwarded mail, so that SPF passes at the next host (SRS)."""

from __future__ import annotations

from operations.addresses import remote_targets
from operations.configuration import Configuration, File, render
from operations.units import drop_in
from settings import Settings


def runs(mail: Settings) -> bool:
    """Whether these settings need it: an alias leads to another host."""
    return bool(remote_targets(mail))


def configuration(mail: Settings) -> Configuration:
    """Return PostSRSd's files."""
    if not runs(mail):
        return Configuration("postsrsd", [], runs=False)
    content = render("postsrsd/postsrsd.j2", domains=mail.mail_domains)
    files = [File("/etc/default/postsrsd", content), drop_in("postsrsd")]
    return Configuration("postsrsd", files, probes=[("rewrites", "10001")])
