"""Files that several services have: a drop-in beside Debian's unit, and programs of our own."""

from __future__ import annotations

from pathlib import Path

from layout import LIBRARY
from services.service import RESTART, Effect, File

SYSTEM = "/etc/systemd/system"
#: What runs on the host, as it is here.
REMOTE = Path(__file__).resolve().parent.parent / "remote"


def drop_in(service: str, unit: str = "", release: str = "") -> File:
    """
    Return a service's drop-in, `templates/SERVICE/SERVICE.service.conf.j2`, see systemd.unit(5).

    + unit: name of the unit that holds its processes, where it is not the service's
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
    Return a file of a program of our own, `remote/SOURCE`.

    + path: below the folder of our programs; the source's, if left out
    """
    text = (REMOTE / source).read_text()
    return File(f"{LIBRARY}/{path or source}", effect, lambda *_: text, mode=mode)
