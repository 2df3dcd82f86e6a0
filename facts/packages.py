"""Which wanted Debian packages are installed, and whether an installation was interrupted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyinfra.api import FactBase, StringCommand
from typing_extensions import override

from facts.data import FactData
from facts.shell import script


@dataclass(frozen=True)
class PackageStates(FactData):
    """
    + installed: the packages that are installed and configured
    + interrupted: dpkg has unfinished work, or our guard against early starts was left behind
    + held: the packages that no upgrade touches, see apt-mark(8)
    """

    installed: frozenset[str]
    interrupted: bool
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


class Packages(FactBase[PackageStates]):
    """
    Returns which of the given Debian packages are installed, from dpkg-query(1):

    .. code:: python

        PackageStates(installed=frozenset({"postfix"}), interrupted=False)
    """

    @staticmethod
    @override
    def default() -> PackageStates:
        return PackageStates(frozenset(), False)

    @override
    def requires_command(self, *args: object, **kwargs: object) -> str:
        return "dpkg-query"

    @override
    def command(self, packages: Sequence[str]) -> StringCommand:
        return script(_SCRIPT, *packages)

    @override
    def process(self, output: list[str]) -> PackageStates:
        return parse_package_states(output)
