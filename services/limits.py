"""How much a login may send: a policy service of our own that Postfix asks (remote/limits)."""

from __future__ import annotations

import json
from typing import Any

from layout import ETC, LIBRARY
from services.service import RESTART, Daemon, File, Service, given
from services.units import REMOTE, SYSTEM, program
from settings.models import Settings

NAME = "mailhost-limits.socket"
PLAN = f"{ETC}/limits.json"
PROGRAM = f"{LIBRARY}/limits"
#: Like -I, -E and -s import nothing from the environment or a user's folder. Unlike -I, they let -m
#: find the package in the working directory, which only root can write to.
PYTHON = "python3 -BEsS -m limits"


def enabled(settings: Settings) -> bool:
    """Whether the settings want it."""
    limits = settings.mail_limits.model_dump() if settings.mail_limits else {}
    return any(limits.values()) or settings.mail_warmup is not None


def plan(settings: Settings) -> dict[str, Any]:
    """Return the fields of the `Plan` in remote/limits/plan.py."""
    return {
        "limits": settings.mail_limits.model_dump() if settings.mail_limits else {},
        "warmup": settings.mail_warmup.model_dump(mode="json") if settings.mail_warmup else None,
        "domains": settings.mail_domains,
        "owner": f"root@{settings.primary_domain}",
        "notice": (REMOTE / "limits/notice.txt").read_text(),
    }


# The program reads its plan as it will when it serves, then ends.
_CHECK = f"""
(cd "$stage{LIBRARY}" && {PYTHON} --check "$stage{PLAN}") || fail "{PROGRAM} cannot read {PLAN}"
"""

LIMITS = Service(
    NAME,
    enabled=enabled,
    files=(
        *(
            program(f"limits/{each.name}", RESTART)
            for each in sorted((REMOTE / "limits").glob("*.py"))
        ),
        # The program of earlier versions, which was one file.
        File(f"{PROGRAM}.py", RESTART, lambda *_: None),
        File(PLAN, RESTART, lambda settings, _: json.dumps(plan(settings), indent=2) + "\n"),
        File(f"{SYSTEM}/mailhost-limits.socket", RESTART, "limits/limits.socket.j2"),
        File(
            f"{SYSTEM}/mailhost-limits.service",
            RESTART,
            "limits/limits.service.j2",
            given(python=PYTHON, library=LIBRARY, plan=PLAN),
        ),
    ),
    check=_CHECK,
    memory_high=40,
    memory_max=64,
    daemons=(Daemon("", 1, 11.0),),
)
