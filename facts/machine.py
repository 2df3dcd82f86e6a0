"""The machine below the mail services: release, memory, names, clock, resolvers, in one read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pyinfra.api import StringCommand

from facts.data import FactData
from facts.fact import Fact
from facts.firewall import RULES
from facts.shell import key_values
from layout import MAIL_FOLDER, STAMPS, VMAIL_IDS

#: Addresses that are never banned: the last few that a deploy came from.
CONTROL_ADDRESSES = "/etc/fail2ban/mailhost.control"
KEPT_ADDRESSES = 5


@dataclass(frozen=True)
class MachineState(FactData):
    """
    + release: Debian's major release ("13"), or ID and VERSION_ID of another distribution
    + memory, swap: bytes
    + swap_room: bytes free on a file system that can hold a swap file; 0 in a container
    + time_daemon: the unit that keeps the clock right, "" if none is installed
    + clock_untried: time_daemon is systemd-timesyncd and nobody has started it since the boot
    + update_timers: apt's daily timers run, now and after a boot
    + vmail: (uid, gid) of the account that owns the mail, None if it does not exist
    + volatile: folders of mail that are in memory, or would be once they are made
    + control_addresses: where runs came from over SSH, this one included, oldest first
    + open_locks: accounts other than root can read what is in the folder of our locks
    + uid_5000: the account or group name that has the id 5000, "" for none
    + ssh_ports: TCP ports of sshd, of its socket unit, and of this connection
    + nf_tables: why the kernel takes no nftables rules, "" if it takes them
    + reachable: port like "443/tcp" -> process ("" unknown) of what other hosts can reach; like
      nf_tables, it is not read once our firewall is in place
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
    update_timers: bool = False
    vmail: tuple[int, int] | None = None
    vmail_folder: str = ""
    volatile: tuple[str, ...] = ()
    open_locks: bool = False
    uid_5000: str = ""
    nameservers: tuple[str, ...] = ()
    ssh_ports: tuple[int, ...] = ()
    nf_tables: str = ""
    reachable: Mapping[str, str] = field(default_factory=dict)
    control_addresses: tuple[str, ...] = ()

    @property
    def mail_owner(self) -> tuple[int, int]:
        """The uid and gid of the account that owns the mail, or is to own it."""
        return self.vmail or VMAIL_IDS


#: From this port on, the kernel picks the ports of clients (net.ipv4.ip_local_port_range).
EPHEMERAL = 32768

# sudo drops SSH_CONNECTION, but a parent process still has it.
CONTROL = rf"""
pid=$$ above=
while [ "${{pid:-0}}" -gt 1 ]; do
  above="$above /proc/$pid/environ"
  while read -r key value; do
    [ "$key" != PPid: ] || pid=$value
  done < "/proc/$pid/status"
done
cat $above 2>/dev/null | tr '\0' '\n' | sed -n \
  '/^SSH_CONNECTION=/ {{ h; s/.* /ssh=/p; g; s/^[^=]*=\([^ ]*\) .*/control=\1/p }}
  s/^[0-9a-f]*[:.][0-9a-f:.]*$/control=&/p' \
  {CONTROL_ADDRESSES} - 2>/dev/null
"""

_COMMAND = rf"""
. /etc/os-release
echo "id=$ID"
echo "version=${{VERSION_ID:-}}"
sed -n 's/^\(MemTotal\|SwapTotal\): *\([0-9]*\) kB/\1=\2/p' /proc/meminfo
if ! systemd-detect-virt --quiet --container 2>/dev/null; then
  case $(stat -f -c %T /) in ext2/ext3 | xfs) stat -f -c 'free_blocks=%a %S' / ;; esac
fi
name_in() {{ # KEY FILE: its first line; without a process, which costs more than the rest
  name=
  [ ! -r "$2" ] || read -r name < "$2"
  echo "$1=$name"
}}
name_in hostname /proc/sys/kernel/hostname
name_in hostname_file /etc/hostname
name_in mailname /etc/mailname
[ ! -d /etc/cloud ] || echo cloud_init=yes
for daemon in chrony ntpsec openntpd systemd-timesyncd; do
  if [ -e "/lib/systemd/system/$daemon.service" ]; then echo "time_daemon=$daemon"; break; fi
done
systemctl show -p ActiveState,ConditionTimestamp,UnitFileState systemd-timesyncd \
  apt-daily.timer apt-daily-upgrade.timer 2>/dev/null
getent passwd vmail | sed 's/^[^:]*:[^:]*:\([^:]*:[^:]*\):.*/vmail=\1/'
echo "vmail_folder=$(stat -c '%U:%G:%a' {MAIL_FOLDER} 2>/dev/null)"
for folder in /var/spool/postfix {MAIL_FOLDER}; do
  there=$folder
  while [ ! -d "$there/" ]; do there=${{there%/*}}; done
  case $(stat -f -c %T "$there/") in tmpfs | ramfs) echo "volatile=$folder" ;; esac
done
[ -z "$(find {STAMPS} -perm /077 2>/dev/null)" ] || echo open_locks=yes
{{ getent passwd 5000; getent group 5000; }} | sed 's/:.*//; s/^/uid_5000=/'
sed -n 's/^nameserver *\([^ ]*\).*/nameserver=\1/p' /etc/resolv.conf
"""

# The ports of SSH; and, while we have no firewall here, what other hosts can reach.
_NETWORK = rf"""
{{
  sshd -T | sed -n 's/^port /ssh=/p; s/^listenaddress .*:/ssh=/p'
  ! systemctl is-active -q ssh.socket sshd.socket || for unit in ssh.socket sshd.socket; do
    systemctl is-active -q $unit && systemctl show -p Listen $unit
  done | sed -n 's/^Listen=.*:\([0-9]*\) (Stream)$/ssh=\1/p'
  ss -ltnpH | sed -n 's/^[^ ]* *[^ ]* *[^ ]* *[^ ]*:\([0-9]*\) .*"\(sshd\|dropbear\)".*/ssh=\1/p'
}} 2>/dev/null
if [ ! -e {RULES} ]; then
  # Asks nf_tables for its generation (NFT_MSG_GETGEN); nft(8) may not be there yet, perl is.
  perl -MSocket -e 'socket(my $s, 16, SOCK_RAW, 12) or die "nf_tables=$!\n";
    send($s, pack("LSSLLCCn", 20, 0xA10, 1, 1, 0, 0, 0, 0), 0); recv($s, my $answer, 8192, 0);
    my (undef, $type, $error) = unpack("LSx10l", $answer);
    if ($type == 2 and $! = -$error) {{ print "nf_tables=$!\n" }}' 2>&1
  ss -tulnpH | sed 's/^/socket=/'
fi
true
"""


def parse_machine(output: list[str]) -> MachineState:
    """Parse the key=value lines that the Machine fact's script prints."""
    values = key_values(output)

    def one(key: str) -> str:
        return values.get(key, [""])[0]

    distribution, version = one("id"), one("version")
    blocks, _, block_size = one("free_blocks").partition(" ")
    vmail = one("vmail")
    return MachineState(
        release=version if distribution == "debian" else f"{distribution} {version}".strip(),
        memory=int(one("MemTotal") or 0) * 1024,
        swap=int(one("SwapTotal") or 0) * 1024,
        swap_room=int(blocks or 0) * int(block_size or 0),
        hostname=one("hostname"),
        hostname_file=one("hostname_file"),
        mailname=one("mailname"),
        cloud_init=one("cloud_init") == "yes",
        time_daemon=one("time_daemon"),
        clock_untried=one("time_daemon") == "systemd-timesyncd"
        and one("ActiveState") == "inactive"
        and not one("ConditionTimestamp"),
        update_timers=values.get("ActiveState", [])[1:] == ["active", "active"]
        and values.get("UnitFileState", [])[1:] == ["enabled", "enabled"],
        vmail=(int(vmail.split(":")[0]), int(vmail.split(":")[1])) if vmail else None,
        vmail_folder=one("vmail_folder"),
        volatile=tuple(values.get("volatile", ())),
        open_locks=one("open_locks") == "yes",
        uid_5000=next((name for name in values.get("uid_5000", ()) if name != "vmail"), ""),
        nameservers=tuple(values.get("nameserver", ())),
        ssh_ports=tuple(sorted({int(port) for port in values.get("ssh", ())})),
        nf_tables=one("nf_tables"),
        reachable=_reachable(values.get("socket", ())),
        control_addresses=tuple(dict.fromkeys(values.get("control", ())))[-KEPT_ADDRESSES:],
    )


#: UDP ports that serve no other host: clients of DHCP and NTP, names in the local network.
_NOT_SERVING = {"68/udp", "123/udp", "323/udp", "546/udp", "5353/udp", "5355/udp"}


def _reachable(sockets: Sequence[str]) -> dict[str, str]:
    """Parse `ss -tulnp`, without loopback and without the UDP sockets of clients (high ports)."""
    found = {}
    for line in sockets:
        protocol, _, _, _, local, _, *users = line.split(maxsplit=6)
        address, _, number = local.rpartition(":")
        port, process = f"{number}/{protocol}", (users or [""])[0].partition('"')[2].split('"')[0]
        loopback = address.startswith("127.") or address == "[::1]"
        client = protocol == "udp" and process and int(number) >= EPHEMERAL
        if not (loopback or client or port in _NOT_SERVING):
            found[port] = process
    return dict(sorted(found.items(), key=lambda each: int(each[0].partition("/")[0])))


class Machine(Fact[MachineState]):
    """
    Returns what a mail host depends on in its machine:

    .. code:: python

        MachineState(release="13", memory=1012350976, swap=0, hostname="mail.example.org", …)
    """

    default = MachineState
    process = staticmethod(parse_machine)

    def command(self) -> StringCommand:
        return StringCommand(CONTROL + _COMMAND + _NETWORK)
