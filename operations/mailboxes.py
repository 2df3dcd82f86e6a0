"""The mail of removed users: archived or purged where asked, otherwise left and named."""

from collections.abc import Collection, Generator, Mapping

from pyinfra import host, logger
from pyinfra.api import StringCommand

from facts.mailboxes import Mailboxes
from facts.shell import script
from facts.text import printable
from layout import MAIL_FOLDER
from operations.operation import operation
from operations.scripts import shell


def orphans(
    present: Collection[str], users: Collection[str], removed: Mapping[str, str]
) -> list[str]:
    """Return the addresses that have mail and that the inventory says nothing of."""
    return sorted(set(present) - set(users) - set(removed))


@operation()
def retire(
    users: Collection[str], removed: Mapping[str, str]
) -> Generator[StringCommand, None, None]:
    """
    Archive or purge the mail of removed users, after their logins and tables are gone.

    + users: addresses that have a mailbox
    + removed: address -> "archive" (to a dated tar in `/var/vmail/.archive`) or "purge"

    The mail of an address that is in neither stays where it is, and a warning names it.
    """
    folders = host.get_fact(Mailboxes, folder=MAIL_FOLDER)
    for address in orphans(folders.present, users, removed):
        logger.warning(
            "%s %s is not in mail_users: it neither receives nor logs in; its mail stays in %s "
            'until {"state": "absent"} removes it',
            host.print_prefix,
            printable(address),
            MAIL_FOLDER,
        )
    requests = [f"{how}:{user}" for user, how in removed.items() if user in folders.present]
    if not requests and not folders.retiring:
        host.noop("no removed user has mail left")
        return
    yield script(shell("mailboxes/retire.sh"), MAIL_FOLDER, *requests)
