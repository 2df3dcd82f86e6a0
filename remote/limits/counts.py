"""Whether a message is below every limit, by what was sent before it."""

from __future__ import annotations

import sqlite3
import sys
import threading
import time
from datetime import date

from limits.message import Amounts, Message, Refusal, fits_at
from limits.plan import DAY, HOUR, LIMITS, Plan, daily_cap
from limits.storage import Storage


class Counts:
    """The counts of all logins, for several threads."""

    def __init__(self, path: str, plan: Plan) -> None:
        self.plan = plan
        self._lock = threading.Lock()
        self._storage = Storage(path)
        self._telling: set[str] = set()

    def take(self, message: Message, now: int) -> Refusal | None:
        """
        Count a message that is below every limit; else return the limit that it is over.

        sqlite3.Error where it could not be counted, as on a full disk.
        """
        with self._lock:
            try:
                with self._storage.db as db:
                    # The only writer, also should there be two processes for a moment.
                    db.execute("BEGIN IMMEDIATE")
                    return self._take(message, now)
            except sqlite3.Error:
                self._storage.close()
                raise

    def told(self, login: str, now: int, done: bool) -> None:
        """Note whether the owner was told of a first refusal; else the next one is first again."""
        with self._lock:
            self._telling.discard(login)
            if done:
                self._storage.note_told(login, now)

    def _take(self, message: Message, now: int) -> Refusal | None:
        self._storage.forget(now)
        new = self._storage.new(message.login, message.remote)
        adding = Amounts(1, message.recipients, len(message.remote), len(new))
        refusal = self._refusal(message.login, adding, now)
        if refusal is None:
            self._storage.add(message, adding, now)
            return None
        if message.login in self._telling or self._storage.is_told(message.login, now):
            return refusal
        self._telling.add(message.login)
        return refusal._replace(first=True)

    def _refusal(self, login: str, adding: Amounts, now: int) -> Refusal | None:
        """Return the refusal that takes longest to fit again."""
        refusals = [*self._login_refusals(login, adding, now), *self._warmup_refusals(adding, now)]
        return max(refusals, key=lambda each: each.fits_at or sys.maxsize, default=None)

    def _login_refusals(self, login: str, adding: Amounts, now: int) -> list[Refusal]:
        refusals = []
        for seconds in (HOUR, DAY):
            sent = self._storage.sent(seconds, now, login)
            for name, (column, window, words) in LIMITS.items():
                most, more = self.plan.limits.get(name, 0), getattr(adding, column)
                if window == seconds and most and getattr(sent, column) + more > most:
                    rows = self._storage.rows(column, seconds, now, login)
                    at = fits_at(rows, more, most, seconds)
                    refusals.append(Refusal(f"{login} may send {most} {words}", at))
        return refusals

    def _warmup_refusals(self, adding: Amounts, now: int) -> list[Refusal]:
        today = date(*time.gmtime(now)[:3])
        cap = daily_cap(self.plan.warmup, today) if self.plan.warmup else None
        if not cap or not adding.remote:
            return []
        if self._storage.sent(DAY, now).remote + adding.remote <= cap:
            return []
        at = fits_at(self._storage.rows("remote", DAY, now), adding.remote, cap, DAY)
        words = "recipients on other hosts a day until other hosts know it"
        return [Refusal(f"this host may send to {cap} {words}", at)]
