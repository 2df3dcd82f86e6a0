"""PostSRSd: envelope senders of forwarded mail, so that SPF passes at the next host (SRS)."""

from __future__ import annotations

from collections.abc import Mapping

from facts.machine import MachineState
from services.service import RESTART, Daemon, File, Service
from services.units import drop_in
from settings.models import Settings
from wanted.addresses import remote_targets


def enabled(settings: Settings) -> bool:
    """Whether these settings need it: an alias leads to another host."""
    return bool(remote_targets(settings))


def _values(settings: Settings, machine: MachineState) -> Mapping[str, object]:
    return {"domains": settings.mail_domains}


POSTSRSD = Service(
    "postsrsd",
    enabled=enabled,
    packages=("postsrsd",),
    files=(
        File("/etc/default/postsrsd", RESTART, "postsrsd/postsrsd.j2", _values),
        drop_in("postsrsd"),
    ),
    probes=lambda _: [("rewrites", "10001")],
    holds=("/etc/postsrsd.secret",),
    daemons=(Daemon("", 4, 0.2),),
)
