"""
Second half of a transaction on the host: make the services run what is on disk, ask them, and
either confirm or go back. All in one remote command, which ends as well without its caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pyinfra.api import StringCommand

from facts.services import ServiceState, Watched
from facts.shell import script
from layout import STAMPS
from operations.transaction import LOCK, PLACES, PUT_BACK, Entry, bundle

#: The program that asks the services, on the host.
_PROBE = Path(__file__).resolve().parent.parent / "remote/probe"

# The stamp is made before the reload: a file that changes in between is newer than the stamp.
_ACTIVATE = (
    f"""
set -u
{LOCK}
{PLACES}
{PUT_BACK}
wanted=$1 stamps=$2 units=$3; shift 3
program=$(mktemp -d)
trap 'rm -rf "$program"' EXIT
base64 -d | tar -xzm -C "$program"
mkdir -p "$stamps" "${{kept%/*}}"
chmod 700 "${{kept%/*}}"
began=$(date +%s)
"""
    + r"""
journal() {
  # By its tag too: whose process is gone before journald asks, that line is of no unit.
  case $1 in postfix*) tag=postfix/master ;; *) tag=${1%.*} ;; esac
  # A service that systemd starts again and again writes some ten lines each time.
  journalctl -q --no-pager -o cat -n 20 --since "@$began" \
    "_SYSTEMD_UNIT=$1" + _PID=1 "UNIT=$1" + "SYSLOG_IDENTIFIER=$tag" | sed "s|^|  $1: |" >&2
}
# The links of a service's old init script mean nothing beside its unit, and take three reloads.
export SYSTEMCTL_SKIP_SYSV=1
rewired=
settle() { # once, for all that was enabled or disabled
  [ -z "$rewired" ] || systemctl daemon-reload
  rewired=
}
whole() { case $1 in *.socket | *.timer | *.path) echo "$1" ;; *) echo "$1.service" ;; esac }
act() { # ACTION NAME UNIT
  echo "$1 $3"
  set -- "$1" "$2" "$3" "$(whole "$2")"
  case $1 in
  enable)
    case $(systemctl is-enabled "$4" 2>/dev/null) in masked*) systemctl unmask -q "$4" ;; esac
    rewired=yes
    systemctl enable -q --no-reload "$4"
    ;;
  disable) rewired=yes; systemctl disable -q --no-reload --now "$4" ;;
  reload) touch "$stamps/$2"; systemctl reload "$3" ;;
  *)
    # The wrapper of Debian 12's Postfix has to be up as well.
    systemctl reset-failed "$3" 2>/dev/null
    systemctl "$1" "$4" "$3"
    ;;
  esac || { journal "$3"; return 1; }
}
probe() { # LINES
  faulty=$(cd "$program" && printf '%s\n' "$1" | python3 -B -E -m probe) && return
  for unit in $faulty; do journal "$unit"; done
  return 1
}
forward() {
  # A third of a second of one core, so only for units that changed: also by a run that was cut off.
  ! systemctl show -P NeedDaemonReload $units | grep -q yes || systemctl daemon-reload
  for word; do
    case $word in step=*) act ${word#step=} || return ;; esac
  done
  settle
  probe "$wanted"
}
revert() { # NAME UNIT, then ACTION PATH for what it reads
  name=$1 unit=$2 action=; shift 2
  while [ $# -gt 0 ]; do
    if [ -e "$kept/present$2" ] || [ -e "$kept/absent$2" ]; then
      [ "$action" = restart ] || action=$1
    fi
    shift 2
  done
  if [ -s "$good" ] && ! grep -q "^$name " "$good"; then
    rewired=yes
    systemctl disable -q --no-reload --now "$(whole "$name")" 2>/dev/null
    return
  fi
  # A host of an older version has told what runs there by nothing else.
  [ -s "$good" ] || systemctl is-enabled -q "$(whole "$name")" || return
  systemctl is-enabled -q "$(whole "$name")" || act enable "$name" "$unit"
  systemctl is-active -q "$unit" || action=start
  [ -z "$action" ] || act "$action" "$name" "$unit"
}
back() {
  put_back || { echo "$kept has the files as they were: copy them back" >&2; return 1; }
  systemctl daemon-reload
  for word; do
    case $word in back=*) revert ${word#back=} ;; esac
  done
  settle
  probe "$(cat "$good")"
}
confirm() {
  rm -rf "$kept.gone"
  [ ! -d "$kept" ] || mv "$kept" "$kept.gone"
  rm -rf "$kept.gone"
}
if forward "$@"; then
  printf '%s\n' "$wanted" > "$good.new" && mv -f "$good.new" "$good"
  confirm
  exit 0
fi
if [ ! -d "$kept" ]; then
  echo "No file had been replaced: there is nothing to go back to." >&2
elif [ ! -e "$good" ]; then
  echo "This host had no configuration of ours to go back to: the new one stays in place." >&2
elif back "$@"; then
  confirm
  echo "The earlier configuration is back, and answers." >&2
else
  echo "The earlier configuration is back, and does not answer either: see above." >&2
fi
exit 1
"""
)


def activate(
    steps: Sequence[tuple[str, ...]],
    services: Sequence[Watched],
    states: Mapping[str, ServiceState],
    probes: Sequence[str],
) -> StringCommand:
    """
    Return the command that makes the services run what is on disk, and goes back where they fail.

    + steps: (action, name, unit), see `activation`
    + services: whose units and files these are
    + states: of the services as they are
    + probes: lines for the program in remote/probe
    """
    words = [f"step={' '.join(step)}" for step in steps]
    for each in services:
        if state := states.get(each.name):
            reads = (f"{action} {path}" for path, action in each.effects.items())
            words.append(f"back={' '.join([each.name, state.unit, *reads])}")
    return script(
        _ACTIVATE,
        "\n".join(probes),
        STAMPS,
        _units(services, states),
        *words,
        stdin=bundle(_program()),
    )


def _units(services: Iterable[Watched], states: Mapping[str, ServiceState]) -> str:
    """Return all units that have files of ours, and those that they start."""
    names = {each.unit for each in services}
    names |= {f"{name.rpartition('.')[0]}.service" for name in names}
    return " ".join(sorted(names | {state.unit for state in states.values()}))


def _program() -> list[Entry]:
    modules = sorted(_PROBE.glob("*.py"))
    return [(f"probe/{each.name}", each.read_text(), "root", "root", "644") for each in modules]


def activation(
    states: Mapping[str, ServiceState],
    wanted: Iterable[Watched],
    unwanted: Iterable[Watched] = (),
) -> list[tuple[str, ...]]:
    """
    Return (action, name, unit) for each wanted service, in that order, that is not enabled or does
    not run the configuration on disk, then for each unwanted one that runs. A service that the host
    does not know gets a start.
    """
    steps: list[tuple[str, ...]] = []
    for each in wanted:
        state = states.get(each.name) or unknown(each)
        if not state.enabled:
            steps.append(("enable", each.name, state.unit))
        if state.action:
            steps.append((state.action, each.name, state.unit))
    for each in unwanted:
        if (left := states.get(each.name)) and (left.enabled or left.active):
            steps.append(("disable", each.name, left.unit))
    return steps


def unknown(service: Watched) -> ServiceState:
    """Return the state of a service that the host does not know yet."""
    return ServiceState(service.unit, False, False, 0, "start")
