"""
The firewall: one nftables table of our own, tried out before it is kept.

New rules are loaded with a timer on the host that takes them back. They are kept, and loaded at
boot, only after the run has come in by a new connection.
"""

import hashlib
from collections.abc import Generator, Sequence

from pyinfra import host, logger, state
from pyinfra.api import FunctionCommand, Host, State, StringCommand
from pyinfra.api.exceptions import ConnectError
from pyinfra.connectors.ssh import SSHConnector

from facts.firewall import DROP_IN, EARLIER, RULES, UNIT, Firewall, FirewallState
from facts.shell import script
from operations.operation import operation
from operations.scripts import shell
from services.configuration import WantedFile

#: The unit that takes new rules back.
_TIMER = "mailhost-firewall-rollback"

# systemd would expand a "$" of the commands that it runs (systemd.service(5)).
_TAKE_BACK = shell("firewall/take_back.sh").replace("$", "$$")


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
def apply(files: Sequence[WantedFile]) -> Generator[StringCommand | FunctionCommand, None, None]:
    """
    Load the firewall's rules, and keep them if a new connection gets through.

    + files: the rules, then the units that load them (services/firewall.py); where the rules must
      not exist, our table is taken away

    Where none gets through, or the run is cut off before, the host itself goes back to the rules
    that it had; the next run then finds that the wanted ones aren't in force, and tries again.
    """
    current = host.get_fact(Firewall)
    rules = files[0].content
    if rules is None:
        if current != FirewallState():
            yield script(shell("firewall/remove.sh"), _TIMER, UNIT, DROP_IN, RULES, EARLIER)
        else:
            host.noop("there is no firewall of ours")
        return
    if is_in_place(current, files):
        host.noop("the firewall's rules are in force")
        return
    digest = hashlib.sha256(rules.encode()).hexdigest()
    seconds = str(_patience(state))
    yield script(shell("firewall/try.sh"), _TIMER, EARLIER, seconds, _TAKE_BACK, stdin=rules)
    yield FunctionCommand(reconnect, (), {})
    written = [text for file in files[1:] for text in (file.path, file.content or "")]
    yield script(shell("firewall/confirm.sh"), _TIMER, EARLIER, digest, RULES, *written)
