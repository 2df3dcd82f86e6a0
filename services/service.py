"""What is said of a service: its files, its checker, what answers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from facts.configuration import FileState

#: Path, text, owner, group and mode of a file.
Entry = tuple[str, str, str, str, str]


@dataclass(frozen=True)
class File:
    """
    One file that the package owns whole.

    + content: its text, or None where the file must not exist
    + secret: its text is never shown, not by `--diff` either
    + learned: from runs, not from the settings: another text is no drift
    """

    path: str
    content: str | None
    owner: str = "root"
    group: str = "root"
    mode: str = "644"
    secret: bool = False
    learned: bool = False

    @property
    def entry(self) -> Entry:
        """The file as it is sent to the host."""
        return self.path, self.content or "", self.owner, self.group, self.mode

    def is_in_place(self, current: FileState | None) -> bool:
        """Whether the file on the host is the wanted one."""
        if self.content is None or current is None:
            return self.content is None and current is None
        digest = hashlib.sha256(self.content.encode()).hexdigest()
        return current == FileState(digest, self.owner, self.group, self.mode)


@dataclass(frozen=True)
class Configuration:
    """
    A service's whole configuration.

    + service: its name, or None for files that several services share or no checker reads
    + check: shell commands that judge the files below "$stage" with the service's own checker;
      they call `fail` with what is wrong; left out while none of these files changes
    + probes: what answers when the service runs it, each a check of probe/ with its
      arguments
    + runs: False for a service that these settings do without: stopped, where it is there at all
    """

    service: str | None
    files: Sequence[File]
    check: str = ""
    probes: Sequence[tuple[str, ...]] = ()
    runs: bool = True


def lookup_table(rows: Iterable[tuple[str, str]], comment: str) -> str:
    """Return a Postfix texthash table, see postconf(5) and DATABASE_README."""
    return "".join([f"# {comment}\n", *(f"{key} {value}\n" for key, value in rows)])
