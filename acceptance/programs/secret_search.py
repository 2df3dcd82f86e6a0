"""
Looks for secrets in places that others can read. Runs by itself, `python3 -c TEXT`, with JSON on
standard input, so that no secret is in its own command line; prints JSON, a line for each find.

{"secrets": {label: text}, "watch": path} makes that file, and looks at the command line and the
environment of every process until somebody removes it; with "under": pid of that one's descendants.
{"secrets": {label: text}, "folders": […], "except": […]} reads every file there, and says whose it
is.
"""

import grp
import json
import os
import pwd
import re
import stat
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

PAUSE = 0.05
#: Larger ones are no configuration; the journal is read by journalctl(1).
LARGEST = 4 * 2**20


class Search:
    """For the texts of label -> text."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self.labels = {text.encode(): label for label, text in secrets.items()}
        self.pattern = re.compile(b"|".join(map(re.escape, self.labels)))

    def within(self, data: bytes) -> set[str]:
        """Return the labels of the secrets in there."""
        return {self.labels[found] for found in self.pattern.findall(data)}

    def watch(self, path: str, under: int | None = None) -> list[str]:
        """Look at the processes for as long as the file is there."""
        found = set()
        with open(path, "w"):
            pass
        while os.path.exists(path):
            for pid in (
                descendants(str(under)) if under else filter(str.isdecimal, os.listdir("/proc"))
            ):
                for name in ("cmdline", "environ"):
                    data = read(f"/proc/{pid}/{name}")
                    if labels := self.within(data):
                        program = data.split(b"\0")[0].decode(errors="replace")[:40]
                        found |= {f"{label} in {name} of {program}" for label in labels}
            time.sleep(PAUSE)
        return sorted(found)

    def files(self, folders: Iterable[str], without: Sequence[str]) -> list[str]:
        """Return each file with a secret in it: label, path, owner, mode."""
        found = set()
        for path in below(folders, without):
            labels = self.within(small(path))
            if labels:
                about = os.lstat(path)
                owner = f"{pwd.getpwuid(about.st_uid)[0]}:{grp.getgrgid(about.st_gid)[0]}"
                whose = f"{owner} {stat.S_IMODE(about.st_mode):o}"
                found |= {f"{label} in {path} {whose}" for label in labels}
        return sorted(found)


def descendants(pid: str) -> Iterator[str]:
    """Return the processes below a process."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return
    for thread in threads:
        for child in read(f"/proc/{pid}/task/{thread}/children").decode().split():
            yield child
            yield from descendants(child)


def below(folders: Iterable[str], without: Sequence[str]) -> Iterator[str]:
    """Return all files below folders, but for those below some."""
    for folder in folders:
        for parent, children, names in os.walk(folder):
            children[:] = [each for each in children if os.path.join(parent, each) not in without]
            yield from (os.path.join(parent, name) for name in names)


def read(path: str) -> bytes:
    """Return what is in a file, nothing where it is gone or not ours to read."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def small(path: str) -> bytes:
    """Return what is in a regular file of no great size."""
    try:
        about = os.lstat(path)
    except OSError:
        return b""
    regular = stat.S_ISREG(about.st_mode) and about.st_size <= LARGEST
    return read(path) if regular else b""


def main() -> None:
    """Do what standard input says."""
    wanted = json.load(sys.stdin)
    search = Search(wanted["secrets"])
    if "watch" in wanted:
        found = search.watch(wanted["watch"], wanted.get("under"))
    else:
        found = search.files(wanted["folders"], wanted["except"])
    print(json.dumps(found))


if __name__ == "__main__":
    main()
