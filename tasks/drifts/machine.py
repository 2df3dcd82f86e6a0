"""Drift of the machine below the services: names, accounts, packages, mail folders, swap."""

from collections.abc import Collection, Iterator, Sequence

from facts.live import LooseFolder
from facts.machine import MachineState
from facts.packages import PackageStates
from layout import MAIL_FOLDER
from services import updates
from services.base import DEFAULT_TIME_DAEMON
from settings.models import Settings
from tasks.drifts.files import States
from tasks.drifts.report import Row, moment

HOSTNAME, MAILNAME = "/etc/hostname", "/etc/mailname"
FILES = (HOSTNAME, MAILNAME, MAIL_FOLDER)


def names(settings: Settings, machine: MachineState, states: States) -> Iterator[Row]:
    """Judge what the machine is called; mail says HELO by it, and cron writes from it."""
    for what, wanted, found in (
        ("host name", settings.mail_hostname, machine.hostname),
        (HOSTNAME, settings.mail_hostname, machine.hostname_file),
        (MAILNAME, settings.primary_domain, machine.mailname),
    ):
        if found != wanted:
            state = states.get(what)
            yield Row(what, wanted, found or "nothing", moment(state.modified if state else 0))


def resources(settings: Settings, machine: MachineState) -> Iterator[Row]:
    """Judge what the deploy makes where it is missing: swap, the clock's daemon."""
    size = settings.mail_swap_size
    if size and not machine.swap and machine.swap_room >= 2 * size:
        yield Row("swap", f"{size} bytes", "none")
    if updates.enabled(settings) and not machine.update_timers:
        yield Row("apt-daily timers", "enabled and active", "not, or not both")
    if machine.clock_untried:
        yield Row(DEFAULT_TIME_DAEMON, "running", "never started since the boot")


def accounts(machine: MachineState, superusers: Sequence[str]) -> Iterator[Row]:
    """Judge the mail's owner, and who is root under another name."""
    if machine.vmail is None:
        yield Row("account vmail", f"the owner of {MAIL_FOLDER}", "no such account")
    for name in [each for each in superusers if each != "root"]:
        yield Row(f"account {name}", "root alone has the uid 0", "uid 0")


def mail_folders(
    machine: MachineState, states: States, loose: Sequence[LooseFolder]
) -> Iterator[Row]:
    """Judge who gets at the mail."""
    if machine.vmail and machine.vmail_folder != "vmail:vmail:700":
        state = states.get(MAIL_FOLDER)
        owner, _, mode = machine.vmail_folder.rpartition(":")
        found = f"{owner} {mode}" if owner else "no such folder"
        yield Row(MAIL_FOLDER, "vmail:vmail 700", found, moment(state.changed if state else 0))
    for folder in loose:
        owner = "its own" if folder.path.startswith(f"{MAIL_FOLDER}/.") else "vmail:vmail"
        found = f"{folder.owner} {folder.mode}"
        yield Row(folder.path, f"{owner} 700", found, moment(folder.changed))


def packages(wanted: Collection[str], states: PackageStates) -> Iterator[Row]:
    """Judge what is installed; what is held gets no security update."""
    for name in sorted(set(wanted) - states.installed):
        yield Row(f"package {name}", "installed", "not installed")
    for name in sorted(states.held.intersection(wanted)):
        yield Row(f"package {name}", "updated by apt", "held")
    if states.interrupted:
        yield Row("dpkg", "nothing left to do", "an installation was cut off")
