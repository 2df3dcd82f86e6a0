"""systemd's part of a service: a drop-in beside Debian's unit, with bounds and a sandbox."""

from __future__ import annotations

from layout import MAIL_FOLDER
from services.service import File
from wanted.rendering import render


def path(unit: str) -> str:
    """Return where a unit's drop-in is, see systemd.unit(5)."""
    return f"/etc/systemd/system/{unit}.service.d/mailhost.conf"


def drop_in(service: str, unit: str = "") -> File:
    """
    Return a service's drop-in, `templates/SERVICE/SERVICE.service.conf.j2`.

    + unit: name of the unit that holds its processes, where it is not the service's
    """
    content = render(f"{service}/{service}.service.conf.j2", mail_folder=MAIL_FOLDER)
    return File(path(unit or service), content)
