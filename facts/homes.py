"""Maildirs of Unix accounts, as a host that was set up by hand has them."""

from __future__ import annotations

from pyinfra.api import FactBase, StringCommand
from typing_extensions import override

from facts.shell import script

_SCRIPT = """
for maildir in /home/*/Maildir; do
  [ -d "$maildir/cur" ] || continue
  name=${maildir#/home/}; name=${name%/Maildir}
  [ -e "$1/$name/.imported" ] || echo "$name"
done
"""


class HomeMaildirs(FactBase[list[str]]):
    """
    Returns the account names that have a `/home/NAME/Maildir` which was not imported yet:

    .. code:: python

        ["alice", "bob"]
    """

    default = list

    @override
    def command(self, folder: str) -> StringCommand:
        return script(_SCRIPT, folder)

    @override
    def process(self, output: list[str]) -> list[str]:
        return sorted(output)
