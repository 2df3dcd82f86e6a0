"""Which wanted Debian packages are installed, and whether an installation was interrupted."""

from collections.abc import Sequence
from dataclasses import dataclass

from pyinfra.api import StringCommand

from facts.data import FactData
from facts.fact import Fact
from facts.shell import requires, script


@dataclass(frozen=True)
class PackageStates(FactData):
    """
    + installed: the packages that are installed and configured
    + interrupted: dpkg has unfinished work, or our guard against early starts was left behind
    + held: the packages that no upgrade touches, see apt-mark(8)
    """

    installed: frozenset[str] = frozenset()
    interrupted: bool = False
    held: frozenset[str] = frozenset()


#: Marks a /usr/sbin/policy-rc.d that we made (operations/packages.py).
GUARD_MARK = "# mailhost: nothing starts before it is configured"

_SCRIPT = f"""
dpkg-query -W -f '${{db:Status-Abbrev}} ${{Package}}\\n' "$@" 2>/dev/null
[ -z "$(dpkg --audit 2>/dev/null)" ] || echo interrupted
grep -qs '^{GUARD_MARK}' /usr/sbin/policy-rc.d && echo interrupted
true
"""


def parse_package_states(output: list[str]) -> PackageStates:
    """Parse lines of "ii postfix" (wanted and actual state) and the word "interrupted"."""
    words = [line.split() for line in output]
    return PackageStates(
        frozenset(fields[1] for fields in words if fields[0] in ("ii", "hi")),
        ["interrupted"] in words,
        frozenset(fields[1] for fields in words if fields[0].startswith("h")),
    )


class Packages(Fact[PackageStates]):
    """
    Returns which of the given Debian packages are installed, from dpkg-query(1):

    .. code:: python

        PackageStates(installed=frozenset({"postfix"}), interrupted=False)
    """

    default = PackageStates
    requires_command = requires("dpkg-query")
    process = staticmethod(parse_package_states)

    def command(self, packages: Sequence[str]) -> StringCommand:
        return script(_SCRIPT, *packages)
