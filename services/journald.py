"""The journal: bounded, so that it does not fill the disk."""

from __future__ import annotations

from services.service import RESTART, File, Service

JOURNALD = Service(
    "systemd-journald",
    files=(
        File("/etc/systemd/journald.conf.d/mailhost.conf", RESTART, "journald/journald.conf.j2"),
    ),
)
