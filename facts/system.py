"""The machine below the mail services: release, memory, names, clock, resolvers, in one read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pyinfra.api import FactBase, StringCommand
from typing_extensions import override

from facts.data import FactData
from facts.shell import key_values

#: Who must never be banned: the last few addresses that a deploy came from.
CONTROL_ADDRESSES = "/etc/fail2ban/mailhost.control"
KEPT_ADDRESSES = 5


@dataclass(frozen=True)
class SystemState(FactData):
    """
    + release: Debian's major release ("13"), or ID and VERSION_ID of another system
    + memory, swap: bytes
    + swap_room: bytes free on a file system that can hold a swap file; 0 in a container
    + time_daemon: the unit that keeps the clock right, "" where none is installed
    + clock_untried: time_daemon is systemd-timesyncd and nobody has started it since the boot
    + vmail: (uid, gid) of the account that owns the mail, None where it does not exist
    + volatile: folders of mail that are in memory, or would be once they are made
    + control_addresses: where runs came from over SSH, this one among them, oldest first
    + uid_5000: the account or group name that has the id 5000, "" for none
    """

    release: str = ""
    memory: int = 0
    swap: int = 0
    swap_room: int = 0
    hostname: str = ""
    hostname_file: str = ""
    mailname: str = ""
    cloud_init: bool = False
    time_daemon: str = ""
    clock_untried: bool = False
    vmail: tuple[int, int] | None = None
    vmail_folder: str = ""
    volatile: tuple[str, ...] = field(default_factory=tuple)
    uid_5000: str = ""
    nameservers: tuple[str, ...] = field(default_factory=tuple)
    control_addresses: tuple[str, ...] = field(default_factory=tuple)


# sudo drops SSH_CONNECTION, but a process above it has kept it.
CONTROL = rf"""
pid=$$ above=
while [ "${{pid:-0}}" -gt 1 ]; do
  above="$above /proc/$pid/environ"
  while read -r key value; do
    [ "$key" != PPid: ] || pid=$value
  done < "/proc/$pid/status"
done
cat $above 2>/dev/null | tr '\0' '\n' | sed -n \
  's/^SSH_CONNECTION=\([^ ]*\) .*/control=\1/p; s/^[0-9a-f]*[:.][0-9a-f:.]*$/control=&/p' \
  {CONTROL_ADDRESSES} - 2>/dev/null
"""

_COMMAND = r"""
. /etc/os-release
echo "id=$ID"
echo "version=${VERSION_ID:-}"
sed -n 's/^\(MemTotal\|SwapTotal\): *\([0-9]*\) kB/\1=\2/p' /proc/meminfo
if ! systemd-detect-virt --quiet --container 2>/dev/null; then
  case $(stat -f -c %T /) in ext2/ext3 | xfs) stat -f -c 'free_blocks=%a %S' / ;; esac
fi
echo "hostname=$(hostname)"
echo "hostname_file=$(cat /etc/hostname 2>/dev/null)"
echo "mailname=$(cat /etc/mailname 2>/dev/null)"
[ ! -d /etc/cloud ] || echo cloud_init=yes
for daemon in chrony ntpsec openntpd systemd-timesyncd; do
  if [ -e "/lib/systemd/system/$daemon.service" ]; then echo "time_daemon=$daemon"; break; fi
done
systemctl show -p ActiveState,ConditionTimestamp systemd-timesyncd 2>/dev/null
getent passwd vmail | cut -d: -f3,4 | sed 's/^/vmail=/'
echo "vmail_folder=$(stat -c '%U:%G:%a' /var/vmail 2>/dev/null)"
for folder in /var/spool/postfix /var/vmail; do
  there=$folder
  while [ ! -d "$there/" ]; do there=${there%/*}; done
  case $(stat -f -c %T "$there/") in tmpfs | ramfs) echo "volatile=$folder" ;; esac
done
{ getent passwd 5000; getent group 5000; } | cut -d: -f1 | sed 's/^/uid_5000=/'
sed -n 's/^nameserver *\([^ ]*\).*/nameserver=\1/p' /etc/resolv.conf
true
"""


def parse_system(output: list[str]) -> SystemState:
    """Parse the key=value lines of the System fact's command."""
    values = key_values(output)

    def one(key: str) -> str:
        return values.get(key, [""])[0]

    system, version = one("id"), one("version")
    blocks, _, block_size = one("free_blocks").partition(" ")
    vmail = one("vmail")
    fields: dict[str, Any] = {
        key: one(key)
        for key in ("hostname", "hostname_file", "mailname", "time_daemon", "vmail_folder")
    }
    return SystemState(
        release=version if system == "debian" else f"{system} {version}".strip(),
        memory=int(one("MemTotal") or 0) * 1024,
        swap=int(one("SwapTotal") or 0) * 1024,
        swap_room=int(blocks or 0) * int(block_size or 0),
        cloud_init=one("cloud_init") == "yes",
        clock_untried=one("time_daemon") == "systemd-timesyncd"
        and one("ActiveState") == "inactive"
        and not one("ConditionTimestamp"),
        vmail=(int(vmail.split(":")[0]), int(vmail.split(":")[1])) if vmail else None,
        volatile=tuple(values.get("volatile", ())),
        uid_5000=next((name for name in values.get("uid_5000", ()) if name != "vmail"), ""),
        nameservers=tuple(values.get("nameserver", ())),
        control_addresses=tuple(dict.fromkeys(values.get("control", ())))[-KEPT_ADDRESSES:],
        **fields,
    )


class System(FactBase[SystemState]):
    """
    Returns what the machine is, as far as a mail host depends on it:

    .. code:: python

        SystemState(release="13", memory=1012350976, swap=0, hostname="mail.example.org", …)
    """

    default = SystemState

    @override
    def command(self) -> StringCommand:
        return StringCommand(CONTROL + _COMMAND)

    @override
    def process(self, output: list[str]) -> SystemState:
        return parse_system(output)
