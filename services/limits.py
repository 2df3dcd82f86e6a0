"""How much a login may send: a policy service of our own that Postfix asks (remote/limits)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from layout import LIBRARY, MAIL_FOLDER
from services.service import Configuration, File
from settings.models import Settings
from wanted.rendering import render

NAME = "mailhost-limits.socket"
PLAN = "/etc/mailhost/limits.json"
#: The program: a package, and the one file that it was in earlier versions.
PROGRAM, EARLIER = f"{LIBRARY}/limits", f"{LIBRARY}/limits.py"
#: -E and -s as in -I, so that nothing of the environment or of a user is imported. -P is left out:
#: -m finds the package in the working directory, which only root can write to.
PYTHON = "python3 -BEsS -m limits"
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
    service = render(
        "limits/limits.service.j2",
        python=PYTHON,
        library=LIBRARY,
        plan=PLAN,
        mail_folder=MAIL_FOLDER,
    )
    return Configuration(
        NAME,
        [
            *(File(f"{PROGRAM}/{path.name}", path.read_text()) for path in _modules()),
            File(EARLIER, None),
            File(PLAN, json.dumps(plan(settings), indent=2) + "\n"),
            File(f"{units}.socket", render("limits/limits.socket.j2")),
            File(f"{units}.service", service),
        ],
        check=_CHECK,
    )


def _modules() -> list[Path]:
    return sorted(_SOURCES.glob("*.py"))


# It reads its plan as it will later, and ends before it serves.
_CHECK = f"""
(cd "$stage{LIBRARY}" && {PYTHON} --check "$stage{PLAN}") || fail "{PROGRAM} cannot read {PLAN}"
"""
