"""How much a login may send: a policy service of our own that Postfix asks (templates/limits)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from operations.configuration import Configuration, File, render
from operations.system import MAIL_FOLDER
from settings import Settings

NAME = "mailhost-limits.socket"
PLAN = "/etc/mailhost/limits.json"
SCRIPT = "/usr/local/lib/mailhost/limits.py"
_SOURCES = Path(__file__).resolve().parent.parent / "templates/limits"


def runs(mail: Settings) -> bool:
    """Whether these settings need it."""
    limits = mail.mail_limits.model_dump() if mail.mail_limits else {}
    return any(limits.values()) or mail.mail_warmup is not None


def plan(mail: Settings) -> dict[str, Any]:
    """Return what the service reads: the fields of its `Plan`."""
    return {
        "limits": mail.mail_limits.model_dump() if mail.mail_limits else {},
        "warmup": mail.mail_warmup.model_dump(mode="json") if mail.mail_warmup else None,
        "domains": mail.mail_domains,
        "owner": f"root@{mail.primary_domain}",
        "notice": (_SOURCES / "notice.txt").read_text(),
    }


def configuration(mail: Settings) -> Configuration:
    """Return the service's files; without limits and warm-up it does not run."""
    if not runs(mail):
        return Configuration(NAME, [], runs=False)
    units = "/etc/systemd/system/mailhost-limits"
    service = render("limits/limits.service.j2", script=SCRIPT, plan=PLAN, mail_folder=MAIL_FOLDER)
    return Configuration(
        NAME,
        [
            File(SCRIPT, (_SOURCES / "limits.py").read_text()),
            File(PLAN, json.dumps(plan(mail), indent=2) + "\n"),
            File(f"{units}.socket", render("limits/limits.socket.j2")),
            File(f"{units}.service", service),
        ],
        check=_CHECK,
    )


# It reads its plan as it will, and ends before it serves.
_CHECK = f"""
python3 -IS "$stage{SCRIPT}" --check "$stage{PLAN}" || fail "{SCRIPT} cannot read {PLAN}"
"""
