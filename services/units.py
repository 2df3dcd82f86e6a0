"""systemd's part of a service: a drop-in beside Debian's unit, with bounds and a sandbox."""

from __future__ import annotations

from services.service import RESTART, File

SYSTEM = "/etc/systemd/system"


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
