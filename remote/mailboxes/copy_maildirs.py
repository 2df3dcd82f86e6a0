"""
Copy Maildirs of Unix accounts: copy_maildirs.py REPORT MAIL_FOLDER DOMAIN NAME...

`/home/NAME/Maildir` is read with the account's own rights, one folder of the path after the other,
and no link is followed: whatever the account puts there, or swaps meanwhile, gives it only what it
can read anyway. The copy, `.importing` in the user's mail folder, is written with vmail's rights;
under that name it is whole. Only root can signal or trace this process: its real user stays root.

REPORT, in a folder of root's, is told what the owner of the host should know.
"""

import errno
import fcntl
import os
import pwd
import re
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

#: Files of a folder that Dovecot could not make again.
KEPT = ("maildirfolder", "subscriptions", "dovecot-keywords", "dovecot-uidlist")
#: Bytes and files that stay free on the disk. Postfix takes no mail below 256 MiB.
FREE_BYTES, FREE_FILES = 512 * 2**20, 10_000
#: How much a report names of what one account has that is left out.
NAMED = 10


class LeftAlone(Exception):
    """Why a Maildir is not imported, where the reason lies with the account."""


@dataclass(frozen=True)
class Identity:
    """With whose rights files are opened."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()

    @contextmanager
    def acting(self) -> Iterator[None]:
        """Have these rights, and root's again at the end (seteuid(2), capabilities(7))."""
        os.setgroups(self.groups)
        os.setegid(self.gid)
        os.seteuid(self.uid)
        try:
            yield
        finally:
            os.seteuid(0)
            os.setegid(0)
            os.setgroups([])


def reader(name: str, vmail: Identity) -> Identity:
    """
    Return with whose rights `/home/NAME` is read: the account's, or its owner's if there is none.

    LeftAlone where these are root's, or those of the owner of everybody's mail.
    """
    try:
        entry = pwd.getpwnam(name)
        found = Identity(entry.pw_uid, entry.pw_gid, tuple(os.getgrouplist(name, entry.pw_gid)))
    except KeyError:
        owner = os.lstat(f"/home/{name}").st_uid
        found = Identity(owner, owner)
    if found.uid in (0, vmail.uid):
        raise LeftAlone("its account is root or vmail, who can read everybody's mail")
    return found


def printable(text: str) -> str:
    """Return a text that cannot control a terminal: accounts choose the names of their files."""
    return "".join(each if each.isprintable() else "?" for each in text)


# ---- reading, as the account ---------------------------------------------------------------------


def opened(path: str) -> int:
    """Return a descriptor of a folder, reached without following any link."""
    descriptor = os.open("/", os.O_PATH | os.O_DIRECTORY)
    for part in [*Path(path).parts[1:], "."]:
        flags = os.O_DIRECTORY | os.O_NOFOLLOW | (os.O_RDONLY if part == "." else os.O_PATH)
        try:
            inner = os.open(part, flags, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        descriptor = inner
    return descriptor


def kind(entry: os.DirEntry[str]) -> str:
    """Return what an entry of a folder is, in a word for people."""
    if re.search(r"[\x00-\x1f\x7f]", entry.name):
        return "control character"
    if entry.is_symlink():
        return "link"
    if entry.is_dir(follow_symlinks=False):
        return "folder"
    return "file" if entry.is_file(follow_symlinks=False) else "special file"


def check_room(folder: Path, size: int) -> None:
    """Raise OSError where a file of this size would leave too little on the disk."""
    disk = os.statvfs(folder)
    few = disk.f_files and disk.f_favail < FREE_FILES
    if few or disk.f_bavail * disk.f_frsize < size + FREE_BYTES:
        raise OSError(errno.ENOSPC, "too little room for a copy", str(folder))


@dataclass
class Copy:
    """
    A copy of an account's Maildir: its messages, in folders of Maildir++, and KEPT.

    + target: a new folder of vmail's
    + left_out: what else is there
    """

    reader: Identity
    vmail: Identity
    target: Path
    left_out: list[str] = field(default_factory=list)

    def maildir(self, folder: int, place: Path) -> None:
        """Copy an open folder of messages; `place` is its path in the Maildir."""
        for name, what in self._entries(folder, place):
            if what == "folder" and name in ("cur", "new"):
                self._inside(folder, place / name, self._messages)
            elif what == "folder" and name.startswith(".") and place == Path():
                self._inside(folder, place / name, self.maildir)
            elif what == "file" and name in KEPT:
                self._file(folder, place / name)
            elif (what, name) != ("folder", "tmp") and not (
                what == "file" and name.startswith("dovecot")
            ):
                self._leave_out(place / name, what)

    def _messages(self, folder: int, place: Path) -> None:
        for name, what in self._entries(folder, place):
            if what == "file" and not name.startswith("."):
                self._file(folder, place / name)
            else:
                self._leave_out(place / name, what)

    def _leave_out(self, path: Path, why: str) -> None:
        self.left_out.append(f"{path} ({why})")

    def _entries(self, folder: int, place: Path) -> list[tuple[str, str]]:
        with self.vmail.acting():
            (self.target / place).mkdir()
        with self.reader.acting(), os.scandir(folder) as found:
            return [(entry.name, kind(entry)) for entry in found]

    def _open(self, folder: int, path: Path, flags: int) -> int | None:
        """Open what is in a folder, as the account; None, and left out, where it may not."""
        # Neither a pipe nor a lease of the account's makes us wait.
        flags |= os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
        try:
            with self.reader.acting():
                return os.open(path.name, flags, dir_fd=folder)
        except FileNotFoundError as gone:
            raise LeftAlone("something changes it while it is read; import again") from gone
        except OSError as error:
            self._leave_out(path, str(error.strerror))
            return None

    def _inside(self, folder: int, path: Path, copy: Callable[[int, Path], None]) -> None:
        inner = self._open(folder, path, os.O_DIRECTORY)
        if inner is not None:
            try:
                copy(inner, path)
            finally:
                os.close(inner)

    def _file(self, folder: int, path: Path) -> None:
        source = self._open(folder, path, 0)
        if source is None:
            return
        try:
            status = os.fstat(source)
            if stat.S_ISREG(status.st_mode):
                with self.vmail.acting(), (self.target / path).open("xb") as copy:
                    check_room(self.target, status.st_size)
                    done = 0
                    while sent := os.sendfile(copy.fileno(), source, done, status.st_size - done):
                        done += sent
                    # Dovecot shows it as the time when the message arrived.
                    os.utime(copy.fileno(), ns=(status.st_mtime_ns, status.st_mtime_ns))
            else:
                self._leave_out(path, "special file")
        finally:
            os.close(source)


def copied(name: str, vmail: Identity, target: Path) -> list[str]:
    """
    Copy `/home/NAME/Maildir`; return what the owner of the host should know of it.

    + target: where the copy is, once it is whole

    LeftAlone where the account can't read it.
    """
    home, account = f"/home/{name}/Maildir", reader(name, vmail)
    unfinished = target.with_name(f"{target.name}.new")
    try:
        with account.acting():
            place = os.path.realpath(home)
            folder = opened(place)
            os.stat("cur", dir_fd=folder)
    except OSError as error:
        raise LeftAlone(f"{place}: {error.strerror}") from error
    copy = Copy(account, vmail, unfinished)
    try:
        with vmail.acting():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(unfinished, ignore_errors=True)
        copy.maildir(folder, Path())
        os.sync()
        with vmail.acting():
            unfinished.rename(target)
    finally:
        os.close(folder)
        with vmail.acting():
            shutil.rmtree(unfinished, ignore_errors=True)
    told = []
    if place != home:
        told.append(f"{home} is a link: it was read from {place}")
    if left_out := copy.left_out:
        some = ", ".join(left_out[:NAMED])
        more = ", …" if len(left_out) > NAMED else ""
        told.append(f"{home}: {len(left_out)} left out, which stay there: {some}{more}")
    return told


# ---- the run -------------------------------------------------------------------------------------


def main(report: str, root: str, domain: str, *names: str) -> None:
    """Copy each Maildir that is not copied yet."""
    os.umask(0o077)
    entry = pwd.getpwnam("vmail")
    vmail = Identity(entry.pw_uid, entry.pw_gid)
    copies = {name: Path(root, domain, name, ".importing") for name in names}
    with vmail.acting():
        waiting = [name for name, copy in copies.items() if not copy.is_dir()]
    with open(report, "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit("another import is running: wait for its end")
        if len(waiting) == len(names):  # else a run was cut off before somebody read its report
            file.truncate(0)
        for name in waiting:
            try:
                told = copied(name, vmail, copies[name])
            except (LeftAlone, OSError) as reason:
                told = [f"/home/{name}/Maildir is left alone: {reason}"]
            file.writelines(f"{printable(line)}\n" for line in told)
            file.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
