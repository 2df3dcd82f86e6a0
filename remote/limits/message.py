"""A message that a login wants to send, and the refusal of one that is over a limit."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple


class Message(NamedTuple):
    """A message at DATA: who sends it, to how many, and to whom on other hosts."""

    login: str
    recipients: int
    remote: frozenset[str]


class Amounts(NamedTuple):
    """What a message adds to each count; `remote` and `new` are recipients on other hosts."""

    messages: int
    recipients: int
    remote: int
    new: int


class Refusal(NamedTuple):
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
        """For the person who sends the message."""
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
