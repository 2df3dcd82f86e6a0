"""The machine below the mail services: names, clock, swap, the account that owns the mail."""

from collections.abc import Generator, Sequence

from pyinfra import host
from pyinfra.api import StringCommand

from facts.machine import MachineState
from facts.shell import script
from layout import MAIL_FOLDER, VMAIL_IDS
from operations.operation import operation
from operations.scripts import shell
from services.base import DEFAULT_TIME_DAEMON

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

_LOCKS = shell("transaction/private.sh")

# Made under another name first: a run that is cut off leaves no half swap file in use.
_SWAP = """
set -eu
fallocate -l "$1" /swapfile.new && chmod 600 /swapfile.new && mkswap -q /swapfile.new
mv -f /swapfile.new /swapfile
swapon /swapfile
grep -qs '^/swapfile ' /etc/fstab || echo '/swapfile none swap sw 0 0' >> /etc/fstab
"""


def steps(
    machine: MachineState, hostname: str, mailname: str, swap_size: int, updates: bool
) -> Sequence[StringCommand]:
    """Return the commands that bring the machine from what it is to the wanted state."""
    commands = []
    names = (machine.hostname, machine.hostname_file, machine.mailname)
    if names != (hostname, hostname, mailname):
        commands.append(script(_NAME, hostname, mailname))
    if machine.vmail is None or machine.vmail_folder != "vmail:vmail:700":
        commands.append(script(_VMAIL, MAIL_FOLDER, *(str(number) for number in VMAIL_IDS)))
    if machine.open_locks:
        commands.append(script(_LOCKS))
    if machine.clock_untried or not machine.time_daemon:  # the packages brought one by now
        commands.append(StringCommand("systemctl start", DEFAULT_TIME_DAEMON))
    if updates and not machine.update_timers:
        commands.append(script(_TIMERS))
    if swap_size and not machine.swap and machine.swap_room >= 2 * swap_size:
        commands.append(script(_SWAP, str(swap_size)))
    return commands


@operation()
def prepare_machine(
    machine: MachineState, hostname: str, mailname: str, swap_size: int = 0, updates: bool = False
) -> Generator[StringCommand, None, None]:
    """
    Set the machine's names and clock, make swap and the account that owns the mail, and take our
    locks from other accounts.

    + machine: as it was before this run
    + hostname: fully qualified name of this machine, see hostname(5)
    + mailname: domain of locally written mail, see mailname(5)
    + swap_size: bytes of the swap file that is made where there is no swap; 0 makes none.
      None is made either in a container (it has its host's), on a file system that cannot hold
      one, or where it would take more than half of the free space.
    + updates: Debian's daily timers of apt run
    """
    commands = steps(machine, hostname, mailname, swap_size, updates)
    if not commands:
        host.noop("the machine is as wanted")
    yield from commands
