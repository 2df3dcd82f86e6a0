"""Maildirs of Unix accounts, on a host that was set up by hand."""

from pyinfra.api import StringCommand

from facts.fact import Fact
from facts.shell import script

_SCRIPT = """
for maildir in /home/*/Maildir; do
  [ -d "$maildir/cur" ] || continue
  name=${maildir#/home/}; name=${name%/Maildir}
  [ -e "$1/$name/.imported" ] || echo "$name"
done
"""


class HomeMaildirs(Fact[list[str]]):
    """
    Returns the names of accounts with a `/home/NAME/Maildir` that is not imported yet.

    + folder: mail folder of the primary domain; an import leaves a mark there

    .. code:: python

        ["alice", "bob"]
    """

    default = list

    def command(self, folder: str) -> StringCommand:
        return script(_SCRIPT, folder)

    def process(self, output: list[str]) -> list[str]:
        return sorted(output)


class ImportReport(Fact[list[str]]):
    """
    Returns what the last import of Maildirs left out, and why; a sentence each.

    + path: where remote/mailboxes/copy_maildirs.py wrote it
    """

    default = list

    def command(self, path: str) -> StringCommand:
        return script('[ ! -e "$1" ] || cat "$1"', path)

    def process(self, output: list[str]) -> list[str]:
        return output
