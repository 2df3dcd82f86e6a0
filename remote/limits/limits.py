"""
How much a login may send: a policy service for Postfix's submission smtpd (SMTPD_POLICY_README).

A stolen password sends as much as it can. Each login has limits on messages and recipients, and on
recipients it never wrote to before; a new host one on what all send to other hosts (mail_warmup).
Over a limit the message gets 450 at DATA and is not counted; the owner is told once a day.

systemd runs it when Postfix connects (mailhost-limits.socket), and it ends when nobody does: one
process, so that memory does not grow with the sessions. Debian's Python alone, no other package.
"""

from __future__ import annotations

import fcntl
import json
import os
import selectors
import signal
import socket
import sqlite3
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, NamedTuple

HOUR, DAY = 3600, 86400
IDLE = 60  # seconds without a connection, and the process ends
REMEMBERED = 400  # days since the last message, and a recipient is new again
WARM = 10000  # a daily cap that stops nothing on a small host: the warm-up is over

TRY_AGAIN = "450 4.3.0 the count of what this login has sent is not at hand: try again"

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

# The limits, by their names in mail_limits: what is counted, over how many seconds, in words.
LIMITS = {
    "messages_hour": ("messages", HOUR, "messages an hour"),
    "messages_day": ("messages", DAY, "messages a day"),
    "recipients_hour": ("recipients", HOUR, "recipients an hour"),
    "recipients_day": ("recipients", DAY, "recipients a day"),
    "new_recipients_day": ("new", DAY, "recipients a day whom it never wrote to before"),
}


class Amounts(NamedTuple):
    """What a message adds to each count; `remote` and `new` are recipients on other hosts."""

    messages: int
    recipients: int
    remote: int
    new: int


class Plan(NamedTuple):
    """
    What the deploy wrote into limits.json.

    + limits: name of LIMITS -> number, 0 for none
    + warmup: start (ISO date), first_day, double_every; None for a host that is warm
    + domains: mail to these stays here
    + owner, notice: who is told of a login's first refusal, and in which words
    """

    limits: dict[str, int]
    warmup: dict[str, Any] | None
    domains: list[str]
    owner: str
    notice: str


@dataclass(frozen=True)
class Message:
    """A message at DATA: who sends it, to how many, and to whom on other hosts."""

    login: str
    recipients: int
    remote: frozenset[str]


@dataclass(frozen=True)
class Refusal:
    """
    + limit: the one that a message is over, in words
    + fits_at: when it would fit (epoch seconds), None for never
    + first: the login's first one today: the owner is to be told
    """

    limit: str
    fits_at: int | None
    first: bool = False

    @property
    def text(self) -> str:
        """For the person who sends it."""
        if self.fits_at is None:
            return f"{self.limit}: this message alone has more, send it to fewer"
        when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(self.fits_at))
        return f"{self.limit}: try again after {when}"


def fits_at(rows: Sequence[tuple[int, int]], more: int, most: int, seconds: int) -> int | None:
    """
    Return when `more` fit below a limit that they are over now (epoch seconds), None for never.

    + rows: (start of a minute, how many in it) of the last `seconds`, oldest first
    """
    over = sum(amount for _, amount in rows) + more - most
    for minute, amount in rows:
        over -= amount
        if over <= 0:
            return minute + 60 + seconds
    return None


def daily_cap(warmup: dict[str, Any], today: date) -> int | None:
    """Return how many recipients on other hosts a day the warm-up allows; None when it is over."""
    days = max(0, (today - date.fromisoformat(warmup["start"])).days)
    cap = int(warmup["first_day"]) * 2 ** (days // int(warmup["double_every"]))
    return cap if cap < WARM else None


def is_remote(recipient: str, domains: Sequence[str]) -> bool:
    """Whether mail to an address leaves this host's domains."""
    return recipient.rpartition("@")[2] not in domains


class Counts:
    """What has been sent, in a file that outlives the process."""

    def __init__(self, path: str, plan: Plan) -> None:
        self.plan = plan
        self._path = path
        self._lock = threading.Lock()
        self._opened: sqlite3.Connection | None = None
        self._telling: set[str] = set()

    def take(self, message: Message, now: int) -> Refusal | None:
        """
        Count a message that is below every limit; else return the one that it is over.

        sqlite3.Error where it could not be counted, as on a full disk.
        """
        with self._lock:
            try:
                return self._take(message, now)
            except sqlite3.Error:
                self._opened = None  # the next message opens the file again, and looks at it
                raise

    def told(self, login: str, now: int, done: bool) -> None:
        """Note whether the owner was told of a first refusal; else the next one is first again."""
        with self._lock, self._db as db:
            self._telling.discard(login)
            if done:
                db.execute("INSERT OR IGNORE INTO told VALUES (?, ?)", (login, now // DAY))

    @property
    def _db(self) -> sqlite3.Connection:
        if self._opened is None:
            try:
                self._opened = _open(self._path)
            except sqlite3.OperationalError:
                raise  # the disk is full, say: not the file's fault
            except sqlite3.DatabaseError as error:
                # Nobody could send until somebody looks; the counts begin anew instead.
                print(f"{self._path}: {error}; put aside, counting anew", file=sys.stderr)
                os.replace(self._path, f"{self._path}.broken")
                self._opened = _open(self._path)
        return self._opened

    def _take(self, message: Message, now: int) -> Refusal | None:
        with self._db as db:
            # Also the only writer, should there be two processes for a moment.
            db.execute("BEGIN IMMEDIATE")
            self._forget(now)
            known = "SELECT 1 FROM known WHERE login = ? AND recipient = ?"
            new = [
                each
                for each in message.remote
                if not db.execute(known, (message.login, each)).fetchone()
            ]
            adding = Amounts(1, message.recipients, len(message.remote), len(new))
            refusal = self._refusal(message.login, adding, now)
            if refusal is None:
                self._add(message, adding, now)
                return None
            told = "SELECT 1 FROM told WHERE login = ? AND day = ?"
            first = message.login not in self._telling and not (
                db.execute(told, (message.login, now // DAY)).fetchone()
            )
            if first:
                self._telling.add(message.login)
            return replace(refusal, first=first)

    def _refusal(self, login: str, adding: Amounts, now: int) -> Refusal | None:
        """Return the limit that takes longest to fit again."""
        refusals = []
        for seconds in (HOUR, DAY):
            sent = self._sent(seconds, now, login)
            for name, (column, window, words) in LIMITS.items():
                most, more = self.plan.limits.get(name, 0), getattr(adding, column)
                if window == seconds and most and getattr(sent, column) + more > most:
                    at = fits_at(self._rows(column, seconds, now, login), more, most, seconds)
                    refusals.append(Refusal(f"{login} may send {most} {words}", at))
        cap = self.plan.warmup and daily_cap(self.plan.warmup, date(*time.gmtime(now)[:3]))
        if cap and adding.remote and self._sent(DAY, now).remote + adding.remote > cap:
            at = fits_at(self._rows("remote", DAY, now), adding.remote, cap, DAY)
            words = "recipients on other hosts a day until other hosts know it"
            refusals.append(Refusal(f"this host may send to {cap} {words}", at))
        return max(refusals, key=lambda each: each.fits_at or sys.maxsize, default=None)

    def _sent(self, seconds: int, now: int, login: str = "") -> Amounts:
        """Return what a login sent in the last seconds, or all of them."""
        columns = ", ".join(f"total({column})" for column in Amounts._fields)
        return Amounts(*self._select(columns, seconds, now, login).fetchone())

    def _rows(self, column: str, seconds: int, now: int, login: str = "") -> list[tuple[int, int]]:
        """Return the same of one count, as (start of a minute, amount)."""
        return self._select(f"minute, {column}", seconds, now, login).fetchall()

    def _select(self, columns: str, seconds: int, now: int, login: str) -> sqlite3.Cursor:
        whose = "login = ?" if login else "login <> ?"
        query = f"SELECT {columns} FROM sent WHERE {whose} AND minute > ? ORDER BY minute"
        return self._db.execute(query, (login, now - seconds - 60))

    def _add(self, message: Message, adding: Amounts, now: int) -> None:
        self._db.execute(
            "INSERT INTO sent VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            " messages = messages + excluded.messages, recipients = recipients"
            " + excluded.recipients, remote = remote + excluded.remote, new = new + excluded.new",
            (message.login, now - now % 60, *adding),
        )
        self._db.executemany(
            "INSERT INTO known VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET day = excluded.day"
            " WHERE day < excluded.day",
            [(message.login, each, now // DAY) for each in message.remote],
        )

    def _forget(self, now: int) -> None:
        """Once a day, delete what no limit asks for any more."""
        today = now // DAY
        (last,) = self._db.execute("PRAGMA user_version").fetchone()
        if last < today:
            self._db.execute("DELETE FROM sent WHERE minute < ?", (now - DAY - 60,))
            self._db.execute("DELETE FROM told WHERE day < ?", (today,))
            self._db.execute("DELETE FROM known WHERE day < ?", (today - REMEMBERED,))
            self._db.execute(f"PRAGMA user_version = {today}")


def _open(path: str) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    folder = os.open(os.path.dirname(path), os.O_RDONLY)
    try:
        # sqlite waits for every other lock by itself, but not where a new file becomes WAL.
        fcntl.flock(folder, fcntl.LOCK_EX)
        db.executescript(SCHEMA)
    finally:
        os.close(folder)
    db.execute("PRAGMA quick_check(1)").fetchone()
    return db


def attributes(request: bytes) -> dict[str, str]:
    """Return a request's attributes, which are one to a line."""
    lines = request.decode(errors="replace").rstrip("\n").split("\n")
    return dict([line.split("=", 1) for line in lines])


class Session:
    """One smtpd process: its requests come in the order of its SMTP sessions."""

    def __init__(self, connection: socket.socket, server: Server) -> None:
        self.connection = connection
        self._server = server
        self._instance, self._recipients, self._received = "", list[str](), b""

    def go_on(self) -> bool:
        """Answer what has come; return whether smtpd is still there."""
        more = self.connection.recv(65536)
        self._received += more
        # Postfix waits for the answer to a request before it sends the next.
        if self._received.endswith(b"\n\n"):
            request, self._received = attributes(self._received), b""
            self._answer(request)
        return bool(more)

    def _answer(self, request: dict[str, str]) -> None:
        if request["instance"] != self._instance:
            self._instance, self._recipients = request["instance"], []
        if request["protocol_state"] == "RCPT":
            self._recipients.append(request["recipient"].lower())
            action = "DUNNO"
        else:
            action = self._data(request["sasl_username"], int(request["recipient_count"]))
        self.connection.sendall(f"action={action}\n\n".encode())

    def _data(self, login: str, recipients: int) -> str:
        # This process began after the recipients were named: who they are is lost.
        if len(self._recipients) < recipients:
            return TRY_AGAIN
        counts, now = self._server.counts, int(time.time())
        remote = frozenset(
            each for each in self._recipients if is_remote(each, counts.plan.domains)
        )
        try:
            refusal = counts.take(Message(login, len(self._recipients), remote), now)
        except sqlite3.Error as error:
            print(f"{login} was not counted, and has to wait: {error}", file=sys.stderr)
            return TRY_AGAIN
        if refusal is None:
            return "DUNNO"
        if refusal.first:
            self._server.tell_owner(login, refusal, now)
        return f"450 4.7.1 {refusal.text}"


def notice(plan: Plan, login: str, refusal: Refusal, now: int) -> str:
    """Return the mail that tells the owner, once a day."""
    when = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(now))
    return plan.notice.format(owner=plan.owner, login=login, why=refusal.text, date=when)


def tell(owner: str, text: str) -> bool:
    """Hand a mail to this host's own port 25; return whether it took it."""
    import smtplib  # it needs 4 MB, and most processes never tell anybody anything

    try:
        with smtplib.SMTP("127.0.0.1", 25, "localhost", timeout=10) as client:
            client.sendmail("", owner, text)  # from <>: nothing comes back
    except OSError as error:  # SMTPException is one
        print(f"the owner could not be told: {error}", file=sys.stderr)
        return False
    return True


class Server:
    """
    The socket that systemd listens on, and the smtpd processes that are connected.

    One loop answers them all: a thread for each would cost as much as the counting.
    """

    def __init__(self, listening: socket.socket, counts: Counts) -> None:
        self.counts = counts
        self._telling = threading.Lock()
        self._sockets = selectors.DefaultSelector()
        self._sockets.register(listening, selectors.EVENT_READ)

    def serve(self) -> None:
        """Answer until nobody is connected, and nobody comes for a while."""
        while (ready := self._sockets.select(IDLE)) or len(self._sockets.get_map()) > 1:
            for key, _ in ready:
                if key.data:
                    self._go_on(key.data)
                else:
                    session = Session(key.fileobj.accept()[0], self)  # type: ignore[union-attr]
                    self._sockets.register(session.connection, selectors.EVENT_READ, session)

    def _go_on(self, session: Session) -> None:
        """What fails ends the connection: smtpd says 451 by itself."""
        try:
            if session.go_on():
                return
        except Exception:
            traceback.print_exc()
        self._sockets.unregister(session.connection)
        session.connection.close()

    def tell_owner(self, login: str, refusal: Refusal, now: int) -> None:
        """Begin to tell him; nobody's answer waits for that."""
        threading.Thread(target=self._tell, args=(login, refusal, now)).start()

    def _tell(self, login: str, refusal: Refusal, now: int) -> None:
        plan = self.counts.plan
        with self._telling:
            done = tell(plan.owner, notice(plan, login, refusal, now))
            self.counts.told(login, now, done)

    def stop(self) -> None:
        """
        End by SIGTERM, but not between telling the owner and writing down that he was told.

        In a thread of its own: a handler would wait in the loop, which may have what `_tell` needs.
        """
        signal.sigwait([signal.SIGTERM])
        with self._telling:
            os._exit(0)


def main(database: str, plan: str) -> None:
    """Serve until nobody is connected; with --check for the database, read the plan only."""
    with open(plan, encoding="utf-8") as file:
        counts = Counts(database, Plan(**json.load(file)))
    if database == "--check":
        return
    server = Server(socket.socket(fileno=3), counts)  # systemd's, see sd_listen_fds(3)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    threading.Thread(target=server.stop, daemon=True).start()
    server.serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
