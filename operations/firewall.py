"""
The firewall: one nftables table of our own, tried out before it is kept.

New rules are loaded with a timer on the host that takes them back. They are kept, and loaded at
boot, only after the run has come in by a new connection.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Sequence

from pyinfra import host, logger, state
from pyinfra.api import FunctionCommand, Host, State, StringCommand, operation
from pyinfra.api.exceptions import ConnectError
from pyinfra.connectors.ssh import SSHConnector

from facts.firewall import DROP_IN, EARLIER, RULES, UNIT, Firewall, FirewallState
from facts.shell import script
from services.configuration import WantedFile

# Everything that loads or unloads the table holds this lock.
_LOCK = """
set -eu
umask 022
mkdir -p /run/mailhost
exec 8>/run/mailhost/firewall.lock
flock -w 60 8 || { echo "another run has been changing the firewall for a minute" >&2; exit 1; }
"""

# Free of "$", which systemd would expand. Nothing is left to do where the rules were confirmed.
_TAKE_BACK = f"""
exec 8>/run/mailhost/firewall.lock
flock 8
[ -e {EARLIER} ] || exit 0
nft -f {EARLIER}
rm {EARLIER}
"""

_TIMER = "mailhost-firewall-rollback"

# The timer comes first: nothing has been loaded that it would not take back. The connection that
# this comes by is an established one, which no rules cut off.
_TRY = f"""
{_LOCK}
cd /run/mailhost
systemctl stop {_TIMER}.timer 2>/dev/null || true
if [ -e {EARLIER} ]; then nft -f {EARLIER}; rm {EARLIER}; fi
cat > firewall.new
if ! said=$(nft -c -f firewall.new 2>&1); then
  echo "nft refuses the firewall's rules, none were changed; set mail_firewall = False to do" \
    "without: $said" >&2
  exit 1
fi
printf 'table inet mailhost\\ndelete table inet mailhost\\n' > firewall.tmp
nft -s -t list table inet mailhost 2>/dev/null >> firewall.tmp || true
mv firewall.tmp {EARLIER}
systemd-run -q --collect --unit={_TIMER} --description="Takes the new firewall rules back" \
  --on-active="$1" --timer-property=AccuracySec=100ms sh -euc "$2"
nft -f firewall.new
"""

_CONFIRM = f"""
{_LOCK}
cd /run/mailhost
if [ ! -e {EARLIER} ] || [ "$(sha256sum < firewall.new)" != "$1  -" ]; then
  echo "the firewall's earlier rules came back before the run did; raise pyinfra's" \
    "CONNECT_TIMEOUT if the connection is slow, and run again" >&2
  exit 1
fi
keep() {{ mkdir -p "${{1%/*}}"; cat > "$1.new"; mv "$1.new" "$1"; }}
keep {RULES} < firewall.new
printf %s "$2" | keep {UNIT}
printf %s "$3" | keep {DROP_IN}
systemctl daemon-reload
systemctl enable -q mailhost-firewall.service
systemctl reload-or-restart mailhost-firewall.service
# From here on nothing is taken back.
rm {EARLIER}
systemctl stop {_TIMER}.timer
rm firewall.new
"""

_REMOVE = f"""
{_LOCK}
systemctl stop {_TIMER}.timer 2>/dev/null || true
systemctl disable -q --now mailhost-firewall.service 2>/dev/null || true
nft delete table inet mailhost 2>/dev/null || true
rm -f {UNIT} {DROP_IN} {RULES} {EARLIER}
systemctl daemon-reload
"""


def reconnect(state: State, host: Host) -> bool:
    """Come in by a new connection; False, with the reason logged, where none gets through."""
    if not isinstance(host.connector, SSHConnector):
        return True  # no network in between that rules could close
    host.disconnect()
    try:
        host.connect(reason="through the new firewall", show_errors=False, raise_exceptions=True)
    except ConnectError as error:
        logger.error(
            "%sno new connection got through the new firewall rules: %s. The host puts the earlier "
            "ones back by itself, %d seconds after it loaded these. See what else limits "
            "connections to SSH (another firewall, fail2ban), and run again.",
            host.print_prefix,
            error,
            _patience(state),
        )
        return False
    return True


def _patience(state: State) -> int:
    """Seconds for which rules stay unconfirmed: as many as pyinfra takes for three attempts."""
    return 3 * (state.config.CONNECT_TIMEOUT or 10)


def is_in_place(current: FirewallState, files: Sequence[WantedFile]) -> bool:
    """Whether the host has these files, and what they say is in force and stays so."""
    written = all(file.is_in_place(current.files.get(file.path)) for file in files)
    return written and current.loaded and current.enabled and not current.unconfirmed


@operation()
def apply(
    files: Sequence[WantedFile],
) -> Generator[StringCommand | FunctionCommand, None, None]:
    """
    Load the firewall's rules, and keep them if a new connection gets through.

    + files: the rules, then the units that load them (services/firewall.py); where the rules must
      not exist, our table is taken away

    Where none gets through, or the run is cut off before, the host itself goes back to the rules
    that it had; the next run then finds that the wanted ones aren't in force, and tries again.
    """
    current = host.get_fact(Firewall)
    rules, *units = (file.content for file in files)
    if rules is None:
        if current != FirewallState():
            yield script(_REMOVE)
        else:
            host.noop("there is no firewall of ours")
        return
    if is_in_place(current, files):
        host.noop("the firewall's rules are in force")
        return
    digest = hashlib.sha256(rules.encode()).hexdigest()
    yield script(_TRY, str(_patience(state)), _TAKE_BACK, stdin=rules)
    yield FunctionCommand(reconnect, (), {})
    yield script(_CONFIRM, digest, *(text or "" for text in units))
