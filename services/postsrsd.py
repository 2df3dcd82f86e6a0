"""PostSRSd: rewrites senders of forwarded mail (SRS), so that SPF passes at the next host."""

from __future__ import annotations

from services.service import RESTART, Daemon, File, Service
from services.units import drop_in
from settings.models import Settings
from wanted.addresses import remote_targets


def enabled(settings: Settings) -> bool:
    """Whether an alias leads to another host."""
    return bool(remote_targets(settings))


POSTSRSD = Service(
    "postsrsd",
    enabled=enabled,
    packages=("postsrsd",),
    files=(
        File("/etc/default/postsrsd", RESTART, "postsrsd/postsrsd.j2"),
        drop_in("postsrsd"),
    ),
    probes=lambda _: [("rewrites", "10001")],
    holds=("/etc/postsrsd.secret",),
    sees=("/etc/postfix/main.cf",),  # Debian 13's launcher asks postconf(1) for the domain
    daemons=(Daemon("", 4, 0.2),),
)
