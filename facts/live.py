"""The state of a running mail host beyond its files: ports, certificates, logins."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pyinfra.api import StringCommand

from facts.data import FactData
from facts.fact import Fact
from facts.health import parse_socket
from facts.shell import key_values, readable, script
from facts.tls import (
    SCRIPT,
    SERVED,
    CertificateState,
    parse_certificate,
    parse_served,
    ports_with_tls,
)
from layout import MAIL_FOLDER, PEM, TLS_PORTS


@dataclass(frozen=True)
class Listener(FactData):
    """
    A listening TCP socket.

    + processes: names of those that hold it; none if they could not be read
    + since: when the first of them started (epoch seconds); 0 if that could not be read
    """

    address: str
    port: int
    processes: tuple[str, ...]
    since: float


@dataclass(frozen=True)
class LooseFolder(FactData):
    """
    A mail folder that is open to accounts other than vmail, or that has another owner.

    + owner: user and group, e.g. "vmail:vmail"
    + mode: as in stat(1)
    + changed: when its owner or mode last changed (epoch seconds)
    """

    path: str
    owner: str
    mode: str
    changed: float


@dataclass(frozen=True)
class LiveState(FactData):
    """
    + listeners: None if they could not be read
    + certificate: the one on disk
    + served: port -> the certificate shown there; a port that shows none is missing
    + logins: passwd-file -> the names in it; "" for a line without a name
    + loose_folders: at most 20 of them
    + superusers: accounts with the uid 0
    """

    listeners: tuple[Listener, ...] | None = None
    certificate: CertificateState | None = None
    served: Mapping[int, CertificateState] = field(default_factory=dict)
    logins: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    loose_folders: tuple[LooseFolder, ...] = ()
    superusers: tuple[str, ...] = ()


# The script prints only the names in a passwd-file, never a hash. Dot folders in the mail folder
# (the archive) belong to root.
_SCRIPT = f"""
export LC_ALL=C
pem=$1 folder=$2 ports=$3; shift 3
certificate() {{
  {SCRIPT}
}}
{{
  {SERVED}
  (certificate "$pem") | sed 's/^/certificate=/'
  now=$(date +%s) up=$(cut -d ' ' -f 1 /proc/uptime)
  if sockets=$(ss -ltnpH); then
    echo sockets=read
    echo "$sockets" | awk -v now="$now" -v up="$up" '{{
      started = 0
      if (match($6, /pid=[0-9]+/)) {{
        file = "/proc/" substr($6, RSTART + 4, RLENGTH - 4) "/stat"
        if ((getline line < file) > 0) {{
          sub(/.*\\) /, "", line)
          split(line, fields, " ")
          started = now - up + fields[20] / 100
        }}
        close(file)
      }}
      printf "listener=%.0f %s %s\\n", started, $4, $6
    }}'
  fi
  for argument; do
    case $argument in
    logins=*)
      file=${{argument#logins=}}
      [ ! -f "$file" ] || sed 's/^\\([A-Za-z0-9@._+-]*\\):.*/\\1/; t; s/.*//' "$file" |
        sed "s|^|login=$file |"
      ;;
    esac
  done
  find "$folder" -mindepth 1 -maxdepth 3 -type d \\( -perm /077 -o ! -path "$folder/.*" \\
    \\( ! -user vmail -o ! -group vmail \\) \\) -printf 'loose=%u:%g %m %C@ %p\\n' | head -n 20
  getent passwd | awk -F: '$3 == 0 {{ print "superuser=" $1 }}'
}} 2>/dev/null
true
"""


@readable("the live state has another form")
def parse_live(output: list[str]) -> LiveState:
    """Parse the key=value lines that the Live fact's script prints."""
    values = key_values(output)
    logins: dict[str, tuple[str, ...]] = {}
    for line in values.get("login", ()):
        path, _, name = line.partition(" ")
        logins[path] = (*logins.get(path, ()), name)
    listeners = tuple(_listener(line) for line in values.get("listener", ()))
    return LiveState(
        listeners=listeners if "sockets" in values else None,
        certificate=parse_certificate(list(values.get("certificate", ()))),
        served=parse_served(values.get("served", ())),
        logins=logins,
        loose_folders=tuple(_folder(line) for line in values.get("loose", ())),
        superusers=tuple(values.get("superuser", ())),
    )


def _listener(line: str) -> Listener:
    since, _, socket = line.partition(" ")
    address, port, _ = parse_socket(socket)
    names = dict.fromkeys(re.findall(r'"([^"]+)"', socket))
    return Listener(address, port, tuple(names), float(since))


def _folder(line: str) -> LooseFolder:
    owner, mode, changed, path = line.split(" ", 3)
    return LooseFolder(path, owner, mode, float(changed))


class Live(Fact[LiveState]):
    """
    Returns the present state of the mail host, from ss(8), openssl-s_client(1), find(1) and
    getent(1).

    + folder: the mail folder
    + passwd_files: Dovecot's
    + ports: TCP ports whose certificates are read

    .. code:: python

        LiveState(listeners=(Listener("0.0.0.0", 25, ("master",), 1795571999.5), …), …)
    """

    default = LiveState
    process = staticmethod(parse_live)

    def command(
        self,
        folder: str = MAIL_FOLDER,
        passwd_files: Sequence[str] = ("/etc/dovecot/users",),
        ports: Sequence[int] = tuple(TLS_PORTS),
    ) -> StringCommand:
        logins = (f"logins={path}" for path in passwd_files)
        return script(_SCRIPT, PEM, folder, ports_with_tls(ports), *logins)
