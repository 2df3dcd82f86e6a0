"""What was sent, in an SQLite file that outlives the process."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import sys
from collections.abc import Collection

from limits.message import Amounts, Message
from limits.plan import DAY

REMEMBERED = 400  # days since the last message, and a recipient is new again

SCHEMA = """
PRAGMA journal_mode = WAL;
-- A power failure may cost the last seconds' counts, never the file.
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS sent (
    login TEXT, minute INTEGER, messages INTEGER, recipients INTEGER, remote INTEGER, new INTEGER,
    PRIMARY KEY (login, minute)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS known (
    login TEXT, recipient TEXT, day INTEGER, PRIMARY KEY (login, recipient)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS told (
    login TEXT, day INTEGER, PRIMARY KEY (login, day)
) WITHOUT ROWID;
"""


class Storage:
    """The file. Each method may raise sqlite3.Error, as on a full disk."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._opened: sqlite3.Connection | None = None

    @property
    def db(self) -> sqlite3.Connection:
        """The open file; as a context manager it ends a transaction."""
        if self._opened is None:
            try:
                self._opened = _open(self._path)
            except sqlite3.OperationalError:
                raise  # not the file's fault: the disk may be full
            except sqlite3.DatabaseError as error:
                # Without this nobody could send until somebody mends it. The counts begin anew.
                print(f"{self._path}: {error}; put aside, counting anew", file=sys.stderr)
                os.replace(self._path, f"{self._path}.broken")
                self._opened = _open(self._path)
        return self._opened

    def close(self) -> None:
        """Let go of the file: what comes next opens it again, and checks it."""
        self._opened = None

    def new(self, login: str, recipients: Collection[str]) -> list[str]:
        """Return the recipients that a login did not write to before."""
        known = "SELECT 1 FROM known WHERE login = ? AND recipient = ?"
        return [each for each in recipients if not self.db.execute(known, (login, each)).fetchone()]

    def sent(self, seconds: int, now: int, login: str = "") -> Amounts:
        """Return what a login sent in the last seconds; without one, what all logins sent."""
        columns = ", ".join(f"total({column})" for column in Amounts._fields)
        return Amounts(*self._select(columns, seconds, now, login).fetchone())

    def rows(self, column: str, seconds: int, now: int, login: str = "") -> list[tuple[int, int]]:
        """Return one count of the same by the minute, as (start of the minute, amount)."""
        return self._select(f"minute, {column}", seconds, now, login).fetchall()

    def _select(self, columns: str, seconds: int, now: int, login: str) -> sqlite3.Cursor:
        whose = "login = ?" if login else "login <> ?"
        query = f"SELECT {columns} FROM sent WHERE {whose} AND minute > ? ORDER BY minute"
        return self.db.execute(query, (login, now - seconds - 60))

    def add(self, message: Message, adding: Amounts, now: int) -> None:
        """Count a message."""
        self.db.execute(
            "INSERT INTO sent VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            " messages = messages + excluded.messages, recipients = recipients"
            " + excluded.recipients, remote = remote + excluded.remote, new = new + excluded.new",
            (message.login, now - now % 60, *adding),
        )
        self.db.executemany(
            "INSERT INTO known VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET day = excluded.day"
            " WHERE day < excluded.day",
            [(message.login, each, now // DAY) for each in message.remote],
        )

    def is_told(self, login: str, now: int) -> bool:
        """Whether the owner was told today that a login has reached a limit."""
        query = "SELECT 1 FROM told WHERE login = ? AND day = ?"
        return self.db.execute(query, (login, now // DAY)).fetchone() is not None

    def note_told(self, login: str, now: int) -> None:
        """Note that the owner was told."""
        with self.db as db:
            db.execute("INSERT OR IGNORE INTO told VALUES (?, ?)", (login, now // DAY))

    def forget(self, now: int) -> None:
        """Once a day, delete what no limit needs any more."""
        today = now // DAY
        (last,) = self.db.execute("PRAGMA user_version").fetchone()
        if last < today:
            self.db.execute("DELETE FROM sent WHERE minute < ?", (now - DAY - 60,))
            self.db.execute("DELETE FROM told WHERE day < ?", (today,))
            self.db.execute("DELETE FROM known WHERE day < ?", (today - REMEMBERED,))
            self.db.execute(f"PRAGMA user_version = {today}")


def _open(path: str) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    folder = os.open(os.path.dirname(path), os.O_RDONLY)
    try:
        # SQLite waits for every other lock by itself, but not where a new file becomes WAL.
        fcntl.flock(folder, fcntl.LOCK_EX)
        db.executescript(SCHEMA)
    finally:
        os.close(folder)
    db.execute("PRAGMA quick_check(1)").fetchone()
    return db
