"""
Everybody at once, from the outside: IMAP sessions, users who send, other hosts that deliver.

Run in the peer (`python3 - JSON < crowd.py`), with nothing but the standard library; prints JSON:
how many messages were taken for here and for elsewhere, how many looks at a mailbox there were, and
each error.
"""

import imaplib
import json
import smtplib
import ssl
import sys
import threading
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

TIMEOUT = 60.0
#: Somebody on the other mail server.
OUTSIDE = "crowd@world.test"


class Crowd:
    """
    + address: of the host
    + passwords: of its users
    + sources: addresses to send from
    + sessions: kind -> how many of them at once
    + subject: of all messages
    + messages: that each session sends, or looks that it takes, at least; a user as many elsewhere
    + seconds: how long each goes on, at least
    + size: of a message, in bytes
    """

    def __init__(
        self,
        address: str,
        passwords: Mapping[str, str],
        sources: Sequence[str],
        sessions: Mapping[str, int],
        subject: str,
        messages: int,
        seconds: float,
        size: int,
    ) -> None:
        self.address, self.users, self.sources = address, list(passwords.items()), sources
        self.sessions, self.messages, self.seconds = sessions, messages, seconds
        self.subject = subject
        self.text = ("0123456789abcdef" * 4 + "\r\n") * (size // 66)
        self.done: Counter[str] = Counter()
        self.errors: list[str] = []
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.tls.check_hostname = False
        self.tls.verify_mode = ssl.CERT_NONE
        # Nobody goes on before all of them are there, or leaves before all of them are through.
        self.start = threading.Barrier(sum(sessions.values()), timeout=TIMEOUT)
        self.end = threading.Barrier(sum(sessions.values()), timeout=TIMEOUT)

    def run(self) -> dict[str, object]:
        """Return what was done, and each error."""
        jobs = [(kind, number) for kind, count in self.sessions.items() for number in range(count)]
        with ThreadPoolExecutor(len(jobs)) as threads:
            list(threads.map(self.session, *zip(*jobs, strict=True)))
        return {**self.done, "errors": self.errors}

    def session(self, kind: str, number: int) -> None:
        """Run one session, and keep what went wrong."""
        kinds: dict[str, Callable[[int], None]] = {
            "imap": self.imap,
            "submission": self.submission,
            "inbound": self.inbound,
        }
        try:
            kinds[kind](number)
        except Exception as error:
            self.errors.append(f"{kind}: {error!r}")
            self.start.abort()
            self.end.abort()

    def rounds(self) -> Iterator[int]:
        """Go on as often as was asked for, until the time is over, and the others are through."""
        until, made = time.monotonic() + self.seconds, 0
        while made < self.messages or time.monotonic() < until:
            yield made
            made += 1
        self.end.wait()

    def imap(self, number: int) -> None:
        """Look at the inbox again and again, as a mail program does that stays open."""
        login = self.login(number)
        with imaplib.IMAP4_SSL(self.address, 993, ssl_context=self.tls, timeout=TIMEOUT) as client:
            client.authenticate("PLAIN", lambda _: login)
            self.start.wait()
            for _ in self.rounds():
                count = int(client.select("INBOX")[1][0] or b"0")
                if count:
                    client.fetch(f"{max(1, count - 20)}:*", "(FLAGS BODY.PEEK[HEADER])")
                    client.fetch("*", "(BODY.PEEK[])")
                self.done["looks"] += 1

    def submission(self, number: int) -> None:
        """Send as a user, all in one session."""
        user, _ = self.users[number % len(self.users)]
        source = self.source(number)
        client = smtplib.SMTP_SSL(
            self.address, 465, timeout=TIMEOUT, context=self.tls, source_address=source
        )
        with client:
            client.ehlo("client.test")
            code, answer = client.docmd("AUTH PLAIN", b64encode(self.login(number)).decode())
            if code != 235:
                raise smtplib.SMTPAuthenticationError(code, answer)
            self.start.wait()
            for made in self.rounds():
                self.deliver(client, user, self.recipient(number + made))
                self.deliver(client, user, OUTSIDE)

    def inbound(self, number: int) -> None:
        """Deliver as another host does, with a session for each message."""
        source = self.source(number)
        self.start.wait()
        for made in self.rounds():
            client = smtplib.SMTP(
                self.address, 25, "mx.world.test", timeout=TIMEOUT, source_address=source
            )
            with client:
                self.deliver(client, "stranger@world.test", self.recipient(number + made))

    def source(self, number: int) -> tuple[str, int]:
        """Return where a session connects from."""
        return self.sources[number % len(self.sources)], 0

    def login(self, number: int) -> bytes:
        """Return a user's login and password as SASL PLAIN has them (RFC 4616)."""
        user, password = self.users[number % len(self.users)]
        return f"\0{user}\0{password}".encode()

    def recipient(self, number: int) -> str:
        """Return one of the users."""
        return self.users[number % len(self.users)][0]

    def deliver(self, client: smtplib.SMTP, sender: str, recipient: str) -> None:
        """Send one message."""
        header = f"From: {sender}\r\nTo: {recipient}\r\nSubject: {self.subject}\r\n"
        client.sendmail(sender, [recipient], f"{header}\r\n{self.text}")
        self.done["out" if recipient == OUTSIDE else "in"] += 1


if __name__ == "__main__":
    print(json.dumps(Crowd(**json.loads(sys.argv[1])).run()))
