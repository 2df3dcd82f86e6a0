"""The machine below the mail services: names, clock, swap, the account that owns the mail."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pyinfra import host
from pyinfra.api import StringCommand, operation

from facts.shell import script
from facts.system import SystemState
from operations.configuration import Configuration, File, render

#: Releases whose Postfix and Dovecot this package configures.
RELEASES = ("12", "13")

#: A machine sold as 512 MB shows a little less: the kernel keeps some for itself.
MINIMUM_MEMORY = 440 * 1024 * 1024

#: Where all mail lives, and the ids of its owner on a host that has no vmail account yet.
MAIL_FOLDER = "/var/vmail"
VMAIL_IDS = (5000, 5000)

#: Debian's daemons for the clock; the first one that a host has is kept.
DEFAULT_TIME_DAEMON = "systemd-timesyncd"


def problems(system: SystemState) -> list[str]:
    """Return why this machine cannot become a mail host, one line each with its remedy."""
    found = []
    if system.release not in RELEASES:
        found.append(
            f"Debian {' or '.join(RELEASES)} is supported, this is {system.release or 'unknown'}; "
            "install one of them"
        )
    if system.memory < MINIMUM_MEMORY:
        found.append(
            f"{system.memory // 2**20} MB of memory, at least 512 MB are needed; "
            "take a larger machine"
        )
    found += [
        f"{folder} is in memory (tmpfs), where mail is gone after a reboot; mount a disk there"
        for folder in system.volatile
    ]
    if system.vmail is None and system.uid_5000:
        found.append(
            f"the account vmail needs the uid and gid {VMAIL_IDS[0]}, which {system.uid_5000!r} "
            "has; make the system account vmail with ids of your choice, then run again"
        )
    return found


def time_packages(system: SystemState) -> list[str]:
    """Return the packages that keep the clock right: none where the host has its own daemon."""
    if system.time_daemon in ("", DEFAULT_TIME_DAEMON):
        return [DEFAULT_TIME_DAEMON]
    return []


def configuration(system: SystemState) -> Configuration:
    """The journal's size, and a host name that cloud-init does not take back at each boot."""
    files = [
        File("/etc/systemd/journald.conf.d/mailhost.conf", render("system/journald.conf.j2")),
    ]
    if system.cloud_init:
        files.append(
            File("/etc/cloud/cloud.cfg.d/99-mailhost.cfg", render("system/cloud-init.cfg.j2"))
        )
    return Configuration("systemd-journald", files)


_NAME = """
set -eu
hostname "$1"
echo "$1" > /etc/hostname
echo "$2" > /etc/mailname
grep -qw -- "$1" /etc/hosts || echo "127.0.1.1 $1 ${1%%.*}" >> /etc/hosts
"""

_VMAIL = """
set -eu
getent group vmail > /dev/null || groupadd --gid "$3" vmail
getent passwd vmail > /dev/null || useradd --uid "$2" --gid vmail \
  --home-dir "$1" --no-create-home --shell /usr/sbin/nologin vmail
install -d -o vmail -g vmail -m 700 "$1"
"""

_TIMERS = """
set -- apt-daily.timer apt-daily-upgrade.timer
systemctl unmask -q "$@" && systemctl enable -q --now "$@"
"""

# Made aside and renamed, so that a run that is cut off leaves no half a swap file in use.
_SWAP = """
set -eu
fallocate -l "$1" /swapfile.new && chmod 600 /swapfile.new && mkswap -q /swapfile.new
mv -f /swapfile.new /swapfile
swapon /swapfile
grep -qs '^/swapfile ' /etc/fstab || echo '/swapfile none swap sw 0 0' >> /etc/fstab
"""


def steps(
    system: SystemState, hostname: str, mailname: str, swap_size: int, updates: bool
) -> Sequence[StringCommand]:
    """Return the commands that bring the machine from `system` to the wanted state."""
    commands = []
    if (system.hostname, system.hostname_file, system.mailname) != (hostname, hostname, mailname):
        commands.append(script(_NAME, hostname, mailname))
    if system.vmail is None or system.vmail_folder != "vmail:vmail:700":
        commands.append(script(_VMAIL, MAIL_FOLDER, *(str(number) for number in VMAIL_IDS)))
    if system.clock_untried or not system.time_daemon:  # the packages brought one by now
        commands.append(StringCommand("systemctl start", DEFAULT_TIME_DAEMON))
    if updates and not system.update_timers:
        commands.append(script(_TIMERS))
    if swap_size and not system.swap and system.swap_room >= 2 * swap_size:
        commands.append(script(_SWAP, str(swap_size)))
    return commands


@operation()
def configure(
    system: SystemState, hostname: str, mailname: str, swap_size: int = 0, updates: bool = False
) -> Generator[StringCommand, None, None]:
    """
    Set the machine's names and clock, make swap and the account that owns the mail.

    + system: the machine as it was before this run
    + hostname: fully qualified name of this machine, see hostname(5)
    + mailname: domain of locally written mail, see mailname(5)
    + swap_size: bytes of the swap file that is made where there is no swap; 0 makes none.
      None is made either in a container (it has its host's), on a file system that cannot hold
      one, or where it would take more than half of the free space.
    + updates: Debian's daily timers of apt run
    """
    commands = steps(system, hostname, mailname, swap_size, updates)
    if not commands:
        host.noop("the machine is as wanted")
    yield from commands
