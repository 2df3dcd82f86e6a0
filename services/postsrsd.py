"""PostSRSd: envelope senders of forwarded mail, so that SPF passes at the next host (SRS)."""

from __future__ import annotations

from services.service import Configuration, File
from services.units import drop_in
from settings.models import Settings
from wanted.addresses import remote_targets
from wanted.rendering import render


def runs(settings: Settings) -> bool:
    """Whether these settings need it: an alias leads to another host."""
    return bool(remote_targets(settings))


def configuration(settings: Settings) -> Configuration:
    """Return PostSRSd's files."""
    if not runs(settings):
        return Configuration("postsrsd", [], runs=False)
    content = render("postsrsd/postsrsd.j2", domains=settings.mail_domains)
    files = [File("/etc/default/postsrsd", content), drop_in("postsrsd")]
    return Configuration("postsrsd", files, probes=[("rewrites", "10001")])
