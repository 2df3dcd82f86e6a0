"""Files that several services have: a drop-in for Debian's unit, and our own programs."""

from __future__ import annotations

from pathlib import Path

from layout import LIBRARY
from services.service import RESTART, Effect, File

SYSTEM = "/etc/systemd/system"
#: The sources of what runs on the host.
REMOTE = Path(__file__).resolve().parent.parent / "remote"


def drop_in(service: str, unit: str = "", release: str = "") -> File:
    """
    Return a service's drop-in, `templates/SERVICE/SERVICE.service.conf.j2`, see systemd.unit(5).

    + unit: name of the unit that holds its processes, if it is not the service's
    + release: the only Debian release that has this unit
    """
    return File(
        f"{SYSTEM}/{unit or service}.service.d/mailhost.conf",
        RESTART,
        f"{service}/{service}.service.conf.j2",
        release=release,
    )


def program(source: str, effect: Effect, path: str = "", mode: str = "644") -> File:
    """
    Return a file of our own program, `remote/SOURCE`.

    + path: below the folder of our programs; without it, the source's
    """
    text = (REMOTE / source).read_text()
    return File(f"{LIBRARY}/{path or source}", effect, lambda *_: text, mode=mode)
