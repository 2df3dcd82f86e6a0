"""How the machine below the mail services is doing: clock, disk, memory, queue, ports, updates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pyinfra.api import StringCommand

from facts.data import FactData
from facts.fact import Fact
from facts.postfix import parse_queue
from facts.shell import key_values, readable, script
from layout import MAIL_FOLDER


@dataclass(frozen=True)
class HealthState(FactData):
    """
    The machine's health. None means that a value could not be read, not that it is fine.

    + clock: epoch seconds at the beginning and at the end of the command
    + clock_synchronised: a daemon has set the clock; None in a container, which shares its host's
    + memory: total and available bytes
    + swap: total and free bytes
    + disks: mount point of each file system with mail, queue or journal -> size, available (bytes),
      inodes, inodes_available
    + queue: as the Queue fact returns it
    + listening: (address, port, process) of each listening TCP socket
    + failed_units: systemd units that failed, ours or not
    + updates: packages that `apt-get upgrade` would replace, according to the host's lists
    + lists_from: when those lists were fetched (epoch seconds)
    + postfix: Postfix's version
    + outbound: result of the requested connection: "open" and the server's greeting, or the reason
      why it failed; "" when none was requested
    """

    clock: tuple[float, float] | None = None
    clock_synchronised: bool | None = None
    memory: tuple[int, int] | None = None
    swap: tuple[int, int] | None = None
    disks: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    queue: Mapping[str, Mapping[str, int]] | None = None
    listening: tuple[tuple[str, int, str], ...] | None = None
    failed_units: tuple[str, ...] | None = None
    updates: tuple[str, ...] | None = None
    lists_from: float | None = None
    postfix: str = ""
    outbound: str = ""


# The pipe makes the connection while the rest is read. bash has /dev/tcp, and every Debian has
# bash. On port 465 the server does not speak first.
_SCRIPT = r"""
export LC_ALL=C
mail=$3
attempt() {
  [ -n "$1" ] || return 0
  timeout 4 bash -c 'exec 3<>"/dev/tcp/$0/$1" || exit 1
    [ "$1" = 465 ] || IFS= read -r -t 3 greeting <&3
    echo "open ${greeting%?}"' "$1" "$2" 2>&1
  [ $? != 124 ] || echo "no answer in 4 seconds"
}
observe() {
  echo "clock=$(date +%s.%N)"
  if systemd-detect-virt --quiet --container; then
    echo container=yes
  else
    timedatectl show -p NTPSynchronized
  fi
  sed -n 's/^\(MemTotal\|MemAvailable\|SwapTotal\|SwapFree\): *\([0-9]*\) kB/\1=\2/p' /proc/meminfo
  df --output=target,size,avail,itotal,iavail -B1 / /var /var/spool/postfix "$mail" |
    sed '1d; s/^/disk=/' | sort -u
  if units=$(systemctl list-units --state=failed --no-legend --plain); then
    echo units=read
    echo "$units" | sed -n 's/^\([^ ][^ ]*\).*/failed=\1/p'
  fi
  if sockets=$(ss -ltnpH); then
    echo sockets=read
    echo "$sockets" | awk '{ print "listening=" $4 " " $6 }'
  fi
  if ls /var/lib/apt/lists/*Packages* >/dev/null &&
      upgrade=$(timeout 8 apt-get -s -qq -o Debug::NoLocking=1 upgrade); then
    stat -c 'lists=%Y' /var/lib/apt/lists /var/lib/apt/lists/partial
    echo "$upgrade" | sed -n 's/^Inst \([^ ]*\).*/update=\1/p'
  fi
  if queue=$(postqueue -j); then
    echo "queue=$(date +%s)"
    echo "$queue" | sed -n 's/^{/message={/p'
  fi
  echo "postfix=$(postconf -h mail_version)"
} 2>/dev/null </dev/null
attempt "$1" "$2" | { observe; sed 's/^/outbound=/'; echo "clock=$(date +%s.%N)"; }
"""


@readable("the host's health has another form")
def parse_health(output: list[str]) -> HealthState:
    """Parse the key=value lines that the Health fact's script prints."""
    values = key_values(output)

    def many(key: str, where: str) -> tuple[str, ...] | None:
        return tuple(values.get(key, ())) if where in values else None

    clock = values.get("clock", ())
    synchronised = values.get("NTPSynchronized", [""])[0]
    listening = many("listening", "sockets")
    return HealthState(
        clock=(float(clock[0]), float(clock[-1])) if clock else None,
        clock_synchronised={"yes": True, "no": False}.get(synchronised),
        memory=_pair(values, "MemTotal", "MemAvailable"),
        swap=_pair(values, "SwapTotal", "SwapFree"),
        disks=dict(_disk(line) for line in values.get("disk", ())),
        queue=parse_queue([values["queue"][0], *values.get("message", ())])
        if "queue" in values
        else None,
        listening=None if listening is None else tuple(parse_socket(line) for line in listening),
        failed_units=many("failed", "units"),
        updates=many("update", "lists"),
        lists_from=max(map(float, values["lists"])) if "lists" in values else None,
        postfix=values.get("postfix", [""])[0],
        outbound=_attempt(values.get("outbound", [""])[0]),
    )


def _attempt(line: str) -> str:
    """Return the result of a connection; of bash's error message, only the reason at its end."""
    return line.strip() if line.startswith("open") else line.rpartition(": ")[2]


def _pair(values: Mapping[str, Sequence[str]], *keys: str) -> tuple[int, int] | None:
    if any(key not in values for key in keys):
        return None
    first, second = (int(values[key][0]) * 1024 for key in keys)
    return first, second


_DISK = ("size", "available", "inodes", "inodes_available")


def _disk(line: str) -> tuple[str, dict[str, int]]:
    folder, *numbers = line.split()
    # "-" for a file system without a fixed number of inodes (btrfs)
    counts = [0 if number == "-" else int(number) for number in numbers]
    return folder, dict(zip(_DISK, counts, strict=True))


def parse_socket(line: str) -> tuple[str, int, str]:
    """Parse ss(8)'s `127.0.0.53%lo:53 users:(("systemd-resolve",pid=1,fd=2))`."""
    local, _, users = line.partition(" ")
    address, _, port = local.rpartition(":")
    address = address.partition("%")[0].strip("[]")
    process = users.split('"')[1] if '"' in users else ""
    return ("::" if address == "*" else address), int(port), process


class Health(Fact[HealthState]):
    """
    Returns how the machine is doing, from date(1), df(1), ss(8), apt-get(8), postqueue(1) and
    others.

    + outbound: host:port that the machine tries to connect to, for at most 4 seconds

    .. code:: python

        HealthState(disks={"/": {"size": 21003583488, "available": 17179869184, …}}, …,
                    outbound="open 220 mx.example.net ESMTP")
    """

    default = HealthState
    process = staticmethod(parse_health)

    def command(self, outbound: str | None = None) -> StringCommand:
        server, _, port = (outbound or "").rpartition(":")
        return script(_SCRIPT, server, port, MAIL_FOLDER)
