"""Write the table in docs/memory.md from the services' records (`make docs`)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from services.all import ALL
from services.service import Daemon, Service

PAGE = Path(__file__).with_suffix(".md")

#: What runs on every Debian, beside the services.
SYSTEM = Daemon("systemd, journald, logind, dbus, sshd", 5, 4.0)

_TABLE = re.compile(r"^\| unit \|.*?\*\*sum\*\*[^\n]*\n", re.MULTILINE | re.DOTALL)


def megabytes(daemon: Daemon) -> int:
    """Return what all processes of a daemon may take at the same time."""
    return round(daemon.processes * daemon.each)


def table(services: Iterable[Service] = ALL) -> str:
    """Return the table: a row for each daemon, and their sum."""
    rows = [
        (re.sub(r"\.(socket|timer|path)$", "", service.name), daemon)
        for service in services
        for daemon in service.daemons
    ]
    lines = ["| unit | daemon | processes | MB each | MB |", "|---|---|---:|---:|---:|"]
    for unit, daemon in [*rows, ("", SYSTEM)]:
        cells = (unit, daemon.name, daemon.processes, f"{daemon.each:.1f}", megabytes(daemon))
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    total = sum(megabytes(daemon) for _, daemon in [*rows, ("", SYSTEM)])
    return "\n".join([*lines, f"| | **sum** | | | **{total}** |"]) + "\n"


def page() -> str:
    """Return the page with its table made anew."""
    return _TABLE.sub(lambda _: table(), PAGE.read_text())
