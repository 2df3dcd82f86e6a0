"""What all services stand on: the machine, its clock, and a few packages."""

from __future__ import annotations

from facts.machine import MachineState
from layout import STATE, VMAIL_IDS
from services.service import File, Service, no_effect
from settings.models import Settings
from wanted.rendering import render

#: Releases whose Postfix and Dovecot this package configures.
RELEASES = ("12", "13")

#: Bytes. A machine sold as 512 MB shows a little less: the kernel keeps some for itself.
MINIMUM_MEMORY = 440 * 1024 * 1024

#: Keeps the clock right on a host that has no other daemon for it.
DEFAULT_TIME_DAEMON = "systemd-timesyncd"


def obstacles(settings: Settings, machine: MachineState) -> list[str]:
    """Return why this machine cannot become a mail host, one line each with its remedy."""
    found = []
    if machine.release not in RELEASES:
        found.append(
            f"Debian {' or '.join(RELEASES)} is supported, this is {machine.release or 'unknown'}; "
            "install one of them"
        )
    if machine.memory < MINIMUM_MEMORY:
        found.append(
            f"{machine.memory // 2**20} MB of memory, at least 512 MB are needed; "
            "take a larger machine"
        )
    found += [
        f"{folder} is in memory (tmpfs), where mail is gone after a reboot; mount a disk there"
        for folder in machine.volatile
    ]
    if machine.vmail is None and machine.uid_5000:
        found.append(
            f"the account vmail needs the uid and gid {VMAIL_IDS[0]}, which {machine.uid_5000!r} "
            "has; make the system account vmail with ids of your choice, then run again"
        )
    return found


def time_packages(settings: Settings, machine: MachineState) -> list[str]:
    """Return the packages that keep the clock right: none if the host has another daemon."""
    return [DEFAULT_TIME_DAEMON] if machine.time_daemon in ("", DEFAULT_TIME_DAEMON) else []


def cloud_init(settings: Settings, machine: MachineState) -> str | None:
    """Return cloud-init's configuration, so that it does not reset the host name at each boot."""
    return render("machine/cloud-init.cfg.j2") if machine.cloud_init else None


BASE = Service(
    "machine",
    has_unit=False,
    packages=(
        "ca-certificates",  # authorities that we trust when other hosts offer TLS
        "openssl",
        "python3",  # for remote/probe and remote/limits
    ),
    more_packages=time_packages,
    files=(
        File(
            "/etc/cloud/cloud.cfg.d/99-mailhost.cfg",
            no_effect("cloud-init reads it at boot"),
            cloud_init,
        ),
    ),
    # It has the files as they were before an unconfirmed change, secrets among them.
    holds=(STATE,),
    obstacles=obstacles,
)
