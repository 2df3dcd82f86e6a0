"""How much a login may send: a policy service of our own that Postfix asks (templates/limits)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from layout import MAIL_FOLDER
from services.service import Configuration, File
from settings.models import Settings
from wanted.rendering import render

NAME = "mailhost-limits.socket"
PLAN = "/etc/mailhost/limits.json"
SCRIPT = "/usr/local/lib/mailhost/limits.py"
_SOURCES = Path(__file__).resolve().parent.parent / "remote/limits"


def runs(settings: Settings) -> bool:
    """Whether these settings need it."""
    limits = settings.mail_limits.model_dump() if settings.mail_limits else {}
    return any(limits.values()) or settings.mail_warmup is not None


def plan(settings: Settings) -> dict[str, Any]:
    """Return what the service reads: the fields of its `Plan`."""
    return {
        "limits": settings.mail_limits.model_dump() if settings.mail_limits else {},
        "warmup": settings.mail_warmup.model_dump(mode="json") if settings.mail_warmup else None,
        "domains": settings.mail_domains,
        "owner": f"root@{settings.primary_domain}",
        "notice": (_SOURCES / "notice.txt").read_text(),
    }


def configuration(settings: Settings) -> Configuration:
    """Return the service's files; without limits and warm-up it does not run."""
    if not runs(settings):
        return Configuration(NAME, [], runs=False)
    units = "/etc/systemd/system/mailhost-limits"
    service = render("limits/limits.service.j2", script=SCRIPT, plan=PLAN, mail_folder=MAIL_FOLDER)
    return Configuration(
        NAME,
        [
            File(SCRIPT, (_SOURCES / "limits.py").read_text()),
            File(PLAN, json.dumps(plan(settings), indent=2) + "\n"),
            File(f"{units}.socket", render("limits/limits.socket.j2")),
            File(f"{units}.service", service),
        ],
        check=_CHECK,
    )


# It reads its plan as it will, and ends before it serves.
_CHECK = f"""
python3 -IS "$stage{SCRIPT}" --check "$stage{PLAN}" || fail "{SCRIPT} cannot read {PLAN}"
"""
