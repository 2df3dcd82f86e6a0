"""Copy the Maildirs of a host that was set up by hand into the mailboxes of virtual users."""

from collections.abc import Collection, Generator

from pyinfra import host, logger
from pyinfra.api import StringCommand

from facts.homes import HomeMaildirs, ImportReport
from facts.shell import script
from facts.text import printable
from layout import MAIL_FOLDER, STATE
from operations.operation import operation
from operations.scripts import shell

#: What the last import left out, and why.
_REPORT = f"{STATE}/import"
_COPY = 'exec python3 -I -X utf8 - "$@"'


@operation()
def import_maildirs(users: Collection[str], domain: str) -> Generator[StringCommand, None, None]:
    """
    Copy `/home/NAME/Maildir` into the mailbox of each user of that name, flags and UIDs kept.

    + users: full addresses
    + domain: the domain of the host's Unix accounts

    The old Maildir stays as it is. An account that is no user is named and left alone, and so is
    a Maildir that its account can't read; of what is no mail (links, devices) the names are told.
    """
    waiting = host.get_fact(HomeMaildirs, folder=f"{MAIL_FOLDER}/{domain}")
    names = [name for name in waiting if f"{name}@{domain}" in users]
    for name in sorted(set(waiting) - set(names)):
        logger.warning(
            "%s/home/%s/Maildir is left alone: %s@%s is not in mail_users",
            host.print_prefix,
            printable(name),
            printable(name),
            domain,
        )
    if not names:
        host.noop("no Maildir of a user waits below /home")
        return
    arguments = (MAIL_FOLDER, domain, *names)
    yield script(_COPY, _REPORT, *arguments, stdin=shell("mailboxes/copy_maildirs.py"))
    program = shell("mailboxes/join_maildir.py")
    yield script(shell("mailboxes/join.sh"), *arguments, stdin=program)
    for line in host.get_fact(ImportReport, path=_REPORT):
        logger.warning("%s%s", host.print_prefix, line)
