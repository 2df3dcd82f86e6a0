"""Copy the Maildirs of a host that was set up by hand into the mailboxes of virtual users."""

from __future__ import annotations

from collections.abc import Collection, Generator

from pyinfra import host, logger
from pyinfra.api import StringCommand, operation

from facts.homes import HomeMaildirs
from facts.shell import script
from layout import MAIL_FOLDER
from operations.scripts import shell


@operation()
def import_maildirs(users: Collection[str], domain: str) -> Generator[StringCommand, None, None]:
    """
    Copy `/home/NAME/Maildir` into the mailbox of each user of that name, flags and UIDs kept.

    + users: full addresses
    + domain: the domain of the host's Unix accounts

    The old Maildir stays as it is. An account that is no user is named and left alone.
    """
    waiting = host.get_fact(HomeMaildirs, folder=f"{MAIL_FOLDER}/{domain}")
    names = [name for name in waiting if f"{name}@{domain}" in users]
    for name in sorted(set(waiting) - set(names)):
        logger.warning(
            "%s/home/%s/Maildir is left alone: %s@%s is not in mail_users",
            host.print_prefix,
            name,
            name,
            domain,
        )
    if not names:
        host.noop("no Maildir of a user waits below /home")
        return
    yield script(shell("mailboxes/import.sh"), MAIL_FOLDER, domain, *names)
