"""
Move a copy of a Maildir into the one that mail arrives in: join_maildir.py MAILBOX, run by vmail.

The live Maildir is never renamed, and nothing but Dovecot's indexes is removed from it: deliveries
go on, and each message joins by link(2), as theirs do. Dovecot's own lock keeps Dovecot from giving
UIDs to the messages of a folder before their old UIDs are in place; mail that arrived before the
import gets new ones. What is still in the copy is what remains to be done.
"""

import filecmp
import os
import re
import secrets
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

#: What the names of Dovecot's indexes begin with; it makes them again.
INDEXES = ("dovecot.index", "dovecot.list.index")
#: What else joins, the UIDs last: without them in the copy, none of this is done again.
KEPT = ("maildirfolder", "subscriptions", "dovecot-keywords", "dovecot-uidlist")
#: Seconds after which Dovecot, too, removes a lock that nobody renews.
STALE = 120


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep Dovecot from giving UIDs in a folder: its dotlock, with who holds it."""
    lock = folder / "dovecot-uidlist.lock"
    while True:
        try:
            with lock.open("x") as file:
                file.write(f"{os.getpid()}:{socket.gethostname()}")
            break
        except FileExistsError:
            with suppress(FileNotFoundError):
                if abs(time.time() - lock.stat().st_mtime) > STALE:
                    lock.unlink()
            time.sleep(0.05)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


def base(name: str) -> str:
    """Return a message's name without its flags."""
    return name.partition(":2,")[0]


def uid_validity(uidlist: Path) -> str | None:
    """Return the UIDVALIDITY that a `dovecot-uidlist` has; None without one."""
    with suppress(FileNotFoundError), uidlist.open("rb") as file:
        found = re.match(rb"3 (?:.* )?V(\d+)|1 (\d+) ", file.readline(1000))
        return found and (found[1] or found[2]).decode()
    return None


def same(one: Path, other: Path) -> bool:
    """Whether two files have the same content; False if one has gone meanwhile."""
    with suppress(FileNotFoundError):
        return filecmp.cmp(one, other, shallow=False)
    return False


def join_messages(source: Path, target: Path) -> None:
    """Move messages into a live folder; what is there is never replaced, and never there twice."""
    there = {base(each.name): each for name in ("new", "cur") for each in (target / name).iterdir()}
    for sub in ("new", "cur"):
        for message in (source / sub).iterdir() if (source / sub).is_dir() else ():
            name, known = message.name, there.get(base(message.name))
            if not (known and same(message, known)):
                if known:
                    flags = name.removeprefix(base(name))
                    name = f"{base(name)}.{secrets.token_hex(8)}{flags}"
                os.link(message, target / sub / name)
            message.unlink()


def join_files(source: Path, target: Path) -> None:
    """Put KEPT in place; UIDs and keywords only if they are not there: the live ones are newer."""
    uids = uid_validity(source / "dovecot-uidlist")
    missing = uids is not None and uids != uid_validity(target / "dovecot-uidlist")
    if missing:
        for each in target.iterdir():
            if each.name.startswith(INDEXES):
                each.unlink(missing_ok=True)
    for name in KEPT:
        if (source / name).exists() and (missing or not name.startswith("dovecot-")):
            (source / name).rename(target / name)


def join(source: Path, maildir: Path) -> None:
    """Move a copy of a Maildir into the one that mail arrives in."""
    if not source.is_dir():
        return
    for folder in [*source.glob(".*"), source]:
        target = maildir / folder.relative_to(source)
        for name in ("tmp", "new", "cur"):
            (target / name).mkdir(parents=True, exist_ok=True)
        with locked(target):
            join_messages(folder, target)
            join_files(folder, target)
    shutil.rmtree(source)


def main(mailbox: Path) -> None:
    """Join what was copied, and mark the mailbox."""
    os.umask(0o077)
    # Runs of the first version moved what had arrived into `.since`, and could be cut off.
    for source in (mailbox / ".since", mailbox / ".importing"):
        join(source, mailbox / "Maildir")
    os.sync()
    (mailbox / ".imported").touch()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
