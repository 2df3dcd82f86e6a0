"""How much a login may send: a policy service of our own that Postfix asks (remote/limits)."""

from __future__ import annotations

import json
from typing import Any

from facts.machine import MachineState
from layout import ETC, LIBRARY
from services.service import RESTART, Daemon, File, Service, given
from services.units import REMOTE, SYSTEM, program
from settings.models import Settings

NAME = "mailhost-limits.socket"
PLAN = f"{ETC}/limits.json"
PROGRAM = f"{LIBRARY}/limits"
#: -E and -s as in -I: nothing of the environment or of a user is imported. -P is left out, so that
#: -m finds the package in the working directory, which only root can write to.
PYTHON = "python3 -BEsS -m limits"


def enabled(settings: Settings) -> bool:
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
        "notice": (REMOTE / "limits/notice.txt").read_text(),
    }


def _plan(settings: Settings, machine: MachineState) -> str:
    return json.dumps(plan(settings), indent=2) + "\n"


# It reads its plan as it will later, and ends before it serves.
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
        File(PLAN, RESTART, _plan),
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
