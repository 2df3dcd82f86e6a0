"""Who has mail on the host, and whose mail is being retired."""

from dataclasses import dataclass

from pyinfra.api import StringCommand
from pyinfra.api.exceptions import FactProcessError

from facts.data import FactData
from facts.fact import Fact
from facts.shell import script
from layout import MAIL_FOLDER


@dataclass(frozen=True)
class MailboxFolders(FactData):
    """
    + present: addresses that have a mail folder
    + retiring: names of folders whose archiving was interrupted
    """

    present: frozenset[str] = frozenset()
    retiring: frozenset[str] = frozenset()


_SCRIPT = """
cd "$1" 2>/dev/null || exit 0
find . -mindepth 2 -maxdepth 2 -type d ! -path './.*' -printf 'present %P\\n'
find . -mindepth 2 -maxdepth 2 -type d -path './.retiring/*' -printf 'retiring %f\\n'
"""


def parse_mailbox_folders(output: list[str]) -> MailboxFolders:
    """Parse lines of "present DOMAIN/NAME" and "retiring FOLDER"."""
    present, retiring = set(), set()
    for line in output:
        kind, _, path = line.partition(" ")
        if kind == "present":
            domain, _, name = path.partition("/")
            present.add(f"{name}@{domain}")
        elif kind == "retiring":
            retiring.add(path)
        else:
            raise FactProcessError(f"unexpected line from find: {line!r}")
    return MailboxFolders(frozenset(present), frozenset(retiring))


class Mailboxes(Fact[MailboxFolders]):
    """
    Returns the addresses that have mail on the host:

    .. code:: python

        MailboxFolders(present=frozenset({"alice@example.org"}), retiring=frozenset())
    """

    default = MailboxFolders
    process = staticmethod(parse_mailbox_folders)

    def command(self, folder: str = MAIL_FOLDER) -> StringCommand:
        return script(_SCRIPT, folder)
