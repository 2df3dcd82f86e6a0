"""Mail of all kinds at the same time, and somebody who reads: what the ledger is kept of."""

from __future__ import annotations

import imaplib
import smtplib
from collections.abc import Callable, Sequence
from contextlib import suppress
from email.message import EmailMessage
from threading import Event, Thread
from types import TracebackType
from typing import Self

from acceptance.support.ledger import HEADER, OUTSIDE, Ledger
from acceptance.support.mailhost import MailHost
from testbed.container import CommandFailed
from testbed.messages import message

ALICE, BOB, CAROL = "alice@example.test", "bob@example.test", "carol@second.test"
#: Recipient -> the mailboxes that it leads to, by the inventory of testbed/inventory.py.
BOXES = {
    ALICE: {ALICE},
    BOB: {BOB},
    CAROL: {CAROL},
    "sales@example.test": {ALICE, BOB},
    "team@second.test": {ALICE, BOB, CAROL},
    "outside@example.test": {OUTSIDE},
    OUTSIDE: {OUTSIDE},
}
#: One session each, on a port or by sendmail(1): the recipients of its messages, in turn.
ARRIVING = ((ALICE,), (ALICE, BOB, CAROL), ("sales@example.test",), ("outside@example.test",))
WRITTEN = ((BOB,), ("team@second.test", "outside@example.test"), (OUTSIDE, BOB))
SESSIONS: tuple[tuple[int, str, Sequence[Sequence[str]]], ...] = (
    (25, "someone@world.test", ARRIVING),
    (25, "another@world.test", ARRIVING[::-1]),
    (465, ALICE, WRITTEN),
    (587, ALICE, WRITTEN[::-1]),
)
MESSAGES_A_SESSION = 20
SENDMAIL_PACE = 1.0  # seconds between two messages of the machine; `docker exec` costs the most
TIMEOUT = 30


class Load:
    """
    Sends for as long as it is entered; what fails is tried again as another message.

    + pace: seconds between two messages of a session
    """

    def __init__(self, host: MailHost, ledger: Ledger, pace: float) -> None:
        self.host, self.ledger, self.pace = host, ledger, pace
        self._stop = Event()
        self._errors: list[BaseException] = []
        jobs: list[tuple[Callable[[], None], float]] = [
            *((lambda session=session: self._session(*session), pace) for session in SESSIONS),
            (self._sendmail, SENDMAIL_PACE),
            (self._read, pace),
        ]
        self._threads = [Thread(target=self._repeat, args=job, daemon=True) for job in jobs]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(2 * TIMEOUT)
            assert not thread.is_alive(), "a session hangs"
        if self._errors and kind is None:
            raise self._errors[0]

    def _repeat(self, job: Callable[[], None], pace: float) -> None:
        """Do it again and again; that the host is down at times is what we are here for."""
        try:
            while not self._stop.is_set():
                with suppress(OSError, smtplib.SMTPException, imaplib.IMAP4.error, CommandFailed):
                    job()
                self._stop.wait(pace)
        except Exception as error:
            self._errors.append(error)

    def _message(self, sender: str, recipients: Sequence[str]) -> tuple[str, EmailMessage]:
        entry = self.ledger.new(box for each in recipients for box in BOXES[each])
        mail = message("ledger", sender, *recipients, text="x" * 70 + "\n")
        mail[HEADER] = entry
        return entry, mail

    def _session(self, port: int, sender: str, routes: Sequence[Sequence[str]]) -> None:
        user = sender if port != 25 else None
        with self.host.smtp(port, user, timeout=TIMEOUT) as client:
            for count in range(MESSAGES_A_SESSION):
                recipients = routes[count % len(routes)]
                entry, mail = self._message(sender, recipients)
                client.mail(sender)
                taken = [each for each in recipients if client.rcpt(each)[0] == 250]
                # "Nobody" is an error of DATA, which ends the session: the next one tries again.
                if client.data(mail.as_bytes())[0] == 250:
                    self.ledger.acknowledged(entry, {box for each in taken for box in BOXES[each]})
                if self._stop.wait(self.pace):
                    return

    def _sendmail(self) -> None:
        """Mail of the machine itself, as cron sends it: exit 0 is the acknowledgement."""
        entry, mail = self._message("root@example.test", [CAROL])
        sendmail = ("sendmail", "-i", "-f", "root", CAROL)
        self.host.target.exec(*sendmail, input=mail.as_string(), by_engine=True)
        self.ledger.acknowledged(entry, BOXES[CAROL])

    def _read(self) -> None:
        """A client that sees new mail, so that Dovecot renames files while Postfix makes them."""
        with self.host.imap("alice") as client:
            for _ in range(MESSAGES_A_SESSION):
                client.select("INBOX")
                _, (unseen,) = client.search(None, "UNSEEN")
                if unseen:
                    client.store(unseen.replace(b" ", b",").decode(), "+FLAGS", "\\Seen")
                if self._stop.wait(self.pace):
                    return
