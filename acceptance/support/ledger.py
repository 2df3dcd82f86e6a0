"""
The ledger: every message that the host took (250 after DATA), written down on disk before the next
one is sent, and compared afterwards with the mailboxes.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from uuid import uuid4

from acceptance.support.mailhost import MailHost

#: The header that carries a message's entry.
HEADER = "X-Ledger"
#: The mailbox at the outside mail server.
OUTSIDE = "friend@world.test"

#: What is below a folder: path, tab, entry of each message; of an entry in a bounce as well.
_FIND = f'grep -rsm1 "^{HEADER}: $1-" "$2" | tr -d "\\r" || true'


@dataclass(frozen=True)
class Verdict:
    """
    What became of the messages.

    + acknowledged: entries, each a message with one or more mailboxes to reach
    + lost: (entry, mailbox) that was acknowledged and is not there
    + wrong: (entry, mailbox) that nobody addressed
    + duplicates: copies beyond the first; Postfix may deliver twice after a crash
    + unasked: messages that arrived without an acknowledgement, which may be
    """

    acknowledged: int
    lost: list[tuple[str, str]]
    wrong: list[tuple[str, str]]
    duplicates: int
    unasked: int

    @property
    def good(self) -> bool:
        """Whether everything is where it belongs, and nowhere else."""
        return self.acknowledged > 0 and not self.lost and not self.wrong

    def __str__(self) -> str:
        return (
            f"{self.acknowledged} messages acknowledged, {len(self.lost)} lost, "
            f"{len(self.wrong)} in wrong mailboxes, {self.duplicates} duplicates, "
            f"{self.unasked} delivered without acknowledgement"
        )


@dataclass
class Ledger:
    """The book, in a file of one run."""

    path: Path
    run: str = field(default_factory=lambda: uuid4().hex[:12])
    addressed: dict[str, frozenset[str]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def new(self, boxes: Iterable[str]) -> str:
        """Return the entry of a message that is about to be sent to these mailboxes."""
        with self._lock:
            entry = f"{self.run}-{len(self.addressed)}"
            self.addressed[entry] = frozenset(boxes)
        return entry

    def acknowledged(self, entry: str, boxes: Iterable[str]) -> None:
        """Write down that the host took a message for these mailboxes."""
        line = json.dumps([entry, sorted(boxes)]) + "\n"
        with self._lock, self.path.open("a") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())

    def entries(self) -> dict[str, frozenset[str]]:
        """Return entry -> mailboxes of every message that was acknowledged."""
        if not self.path.exists():
            return {}
        lines = (json.loads(line) for line in self.path.read_text().splitlines())
        return {entry: frozenset(boxes) for entry, boxes in lines}

    def judge(self, found: Mapping[str, Counter[str]]) -> Verdict:
        """
        Compare the ledger with what was found.

        + found: mailbox -> entry -> copies
        """
        entries = self.entries()
        none: Counter[str] = Counter()
        seen = {entry for copies in found.values() for entry in copies}
        return Verdict(
            acknowledged=len(entries),
            lost=[
                (entry, box)
                for entry, boxes in entries.items()
                for box in sorted(boxes)
                if not found.get(box, none)[entry]
            ],
            wrong=[
                (entry, box)
                for box, copies in found.items()
                for entry in copies
                if box not in self.addressed.get(entry, ())
            ],
            duplicates=sum(sum(copies.values()) - len(copies) for copies in found.values()),
            unasked=len(seen - entries.keys()),
        )

    def found(self, host: MailHost) -> dict[str, Counter[str]]:
        """Return mailbox -> entry -> copies, from the Maildirs and the outside mail server."""
        found: dict[str, Counter[str]] = {}
        for line in host.run("sh", "-c", _FIND, "find", self.run, "/var/vmail").splitlines():
            # /var/vmail/DOMAIN/NAME/Maildir/…/new/FILE; what is in tmp was not delivered.
            path, _, entry = line.partition(f":{HEADER}: ")
            folders = path.split("/")
            if folders[-2] in ("new", "cur"):
                found.setdefault(f"{folders[4]}@{folders[3]}", Counter())[entry] += 1
        sink = host.peer.exec("sh", "-c", _FIND, "find", self.run, "/var/mail/sink/new")
        found[OUTSIDE] = Counter(line.partition(f":{HEADER}: ")[2] for line in sink.splitlines())
        return found
