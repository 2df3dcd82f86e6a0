"""The firewall's table: whether the kernel has the rules of the file, now and after a boot."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pyinfra.api import StringCommand

from facts.configuration import FileState, parse_file_states
from facts.data import FactData
from facts.fact import Fact
from facts.shell import script

RULES = "/etc/nftables-mailhost.nft"
UNIT = "/etc/systemd/system/mailhost-firewall.service"
#: Debian's own unit for nftables loads our rules after its own.
DROP_IN = "/etc/systemd/system/nftables.service.d/mailhost.conf"
#: The previous table, kept while new rules wait to be confirmed (operations/firewall.py).
EARLIER = "/run/mailhost/firewall.earlier"


@dataclass(frozen=True)
class FirewallState(FactData):
    """
    + files: path -> state of the rules and of the units that load them, of those that exist
    + table: the kernel has a table of ours
    + loaded: the table is the one in the file, as nft(8) writes it
    + enabled: its unit loads it at boot, and is active now
    + unconfirmed: rules are in force that no run has confirmed; the host will take them back
    """

    files: Mapping[str, FileState] = field(default_factory=dict)
    table: bool = False
    loaded: bool = False
    enabled: bool = False
    unconfirmed: bool = False


# The file is loaded into an empty network namespace, so that nft(8) writes both tables in the same
# form. -s, -t: without counters and without addresses collected in sets.
_SCRIPT = f"""
for path in {RULES} {UNIT} {DROP_IN}; do
  [ ! -f $path ] || set -- "$@" $path
done
[ $# = 0 ] || {{ stat -c 'stat %U %G %a %Y %Z %n' "$@"; sha256sum "$@"; }}
list='nft -s -t list table inet mailhost'
if table=$($list 2>/dev/null); then
  echo table
  wanted=$(unshare -n sh -c "nft -f {RULES} && $list" 2>/dev/null)
  [ "$table" != "$wanted" ] || echo loaded
fi
unit=mailhost-firewall.service
! systemctl is-enabled -q $unit 2>/dev/null || ! systemctl is-active -q $unit || echo enabled
[ ! -e {EARLIER} ] || echo unconfirmed
"""


def parse_firewall(output: list[str]) -> FirewallState:
    """Parse what the Firewall fact's script prints."""
    # In the order of the fields.
    words = ("table", "loaded", "enabled", "unconfirmed")
    files = parse_file_states([line for line in output if line not in words])
    return FirewallState(files, *(word in output for word in words))


class Firewall(Fact[FirewallState]):
    """
    Returns the state of the firewall, from nft(8) and systemctl(1):

    .. code:: python

        FirewallState(files={"/etc/nftables-mailhost.nft": …}, table=True, loaded=True, …)
    """

    default = FirewallState
    process = staticmethod(parse_firewall)

    def command(self) -> StringCommand:
        return script(_SCRIPT)
