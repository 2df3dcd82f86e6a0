"""Postfix's policy protocol (SMTPD_POLICY_README): what smtpd asks, and what it is answered."""

from __future__ import annotations

import socket
import sqlite3
import sys
import time
from collections.abc import Callable

from limits.counts import Counts
from limits.message import Message, Refusal
from limits.plan import is_remote

TRY_AGAIN = "450 4.3.0 the count of what this login has sent is not at hand: try again"


def attributes(request: bytes) -> dict[str, str]:
    """Return a request's attributes, which are one to a line."""
    lines = request.decode(errors="replace").rstrip("\n").split("\n")
    return dict([line.split("=", 1) for line in lines])


class Session:
    """
    One smtpd process: its requests come in the order of its SMTP sessions.

    + tell: called with a login's first refusal of the day, and when that was (epoch seconds)
    """

    def __init__(
        self, connection: socket.socket, counts: Counts, tell: Callable[[str, Refusal, int], None]
    ) -> None:
        self.connection = connection
        self._counts, self._tell = counts, tell
        self._instance, self._recipients, self._received = "", list[str](), b""

    def go_on(self) -> bool:
        """Answer what has come; return whether smtpd is still there."""
        more = self.connection.recv(65536)
        self._received += more
        # Postfix waits for the answer to a request before it sends the next.
        if self._received.endswith(b"\n\n"):
            request, self._received = attributes(self._received), b""
            self.connection.sendall(f"action={self._action(request)}\n\n".encode())
        return bool(more)

    def _action(self, request: dict[str, str]) -> str:
        if request["instance"] != self._instance:
            self._instance, self._recipients = request["instance"], []
        if request["protocol_state"] == "RCPT":
            self._recipients.append(request["recipient"].lower())
            return "DUNNO"
        return self._data(request["sasl_username"], int(request["recipient_count"]))

    def _data(self, login: str, recipients: int) -> str:
        # This process began after some recipients were named: who they are is lost.
        if len(self._recipients) < recipients:
            return TRY_AGAIN
        now, domains = int(time.time()), self._counts.plan.domains
        remote = frozenset(each for each in self._recipients if is_remote(each, domains))
        try:
            refusal = self._counts.take(Message(login, len(self._recipients), remote), now)
        except sqlite3.Error as error:
            print(f"{login} was not counted, and has to wait: {error}", file=sys.stderr)
            return TRY_AGAIN
        if refusal is None:
            return "DUNNO"
        if refusal.first:
            self._tell(login, refusal, now)
        return f"450 4.7.1 {refusal.text}"
