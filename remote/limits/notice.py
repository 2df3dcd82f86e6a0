"""The mail that tells the owner of a login that has reached a limit, once a day."""

from __future__ import annotations

import sys
import threading
import time

from limits.counts import Counts
from limits.message import Refusal
from limits.plan import Plan


def notice(plan: Plan, login: str, refusal: Refusal, now: int) -> str:
    """Return the mail's text."""
    when = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(now))
    return plan.notice.format(owner=plan.owner, login=login, why=refusal.text, date=when)


def send(owner: str, text: str) -> bool:
    """Hand a mail to this host's own port 25; return whether it took it."""
    import smtplib  # it needs 4 MB, and most processes never send a notice

    try:
        with smtplib.SMTP("127.0.0.1", 25, "localhost", timeout=10) as client:
            client.sendmail("", owner, text)  # from <>: nothing comes back
    except OSError as error:  # SMTPException is one
        print(f"the owner could not be told: {error}", file=sys.stderr)
        return False
    return True


class Notices:
    """
    Sends the notices, each in a thread: no answer to Postfix waits for one.

    + sending: held from before a mail is sent until it is noted that the owner was told
    """

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self.sending = threading.Lock()

    def begin(self, login: str, refusal: Refusal, now: int) -> None:
        """Begin to tell the owner."""
        threading.Thread(target=self._send, args=(login, refusal, now)).start()

    def _send(self, login: str, refusal: Refusal, now: int) -> None:
        plan = self._counts.plan
        with self.sending:
            done = send(plan.owner, notice(plan, login, refusal, now))
            self._counts.told(login, now, done)
