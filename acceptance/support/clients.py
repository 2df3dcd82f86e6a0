"""Mail clients of a target's users: SMTP, IMAP and POP3 by way of the ports on 127.0.0.1."""

from __future__ import annotations

import imaplib
import poplib
import smtplib
import ssl
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from email.message import EmailMessage
from functools import partial

from testbed.targets import Target
from testbed.wait import wait_until


def lenient_tls() -> ssl.SSLContext:
    """
    Return TLS without verification, which only acceptance/test_tls.py is about, and without the
    authorities of this machine: to load them takes longer than a handshake.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class MailClients:
    """What `MailHost` can do as a client of its mail services. A login is a name or an address."""

    target: Target
    domains: tuple[str, ...]
    passwords: dict[str, str]

    def port(self, port: int) -> int:
        """Return the port on 127.0.0.1 that a port of the target is published at."""
        return self.target.ports[port]

    def address(self, user: str) -> str:
        """Return a login as a full address."""
        return user if "@" in user else f"{user}@{self.domains[0]}"

    def _password(self, user: str) -> str:
        return self.passwords[self.address(user)]

    def _plain(self, user: str, password: str | None) -> bytes:
        """Return login and password as SASL PLAIN has them (RFC 4616)."""
        return f"\0{user}\0{password or self._password(user)}".encode()

    @contextmanager
    def smtp(
        self,
        port: int = 465,
        user: str | None = None,
        timeout: float = 60,
        password: str | None = None,
    ) -> Iterator[smtplib.SMTP]:
        """An SMTP session: 465 in TLS, 587 after STARTTLS, 25 in the clear; logged in as `user`."""
        client: smtplib.SMTP
        where = ("127.0.0.1", self.port(port))
        if port == 465:
            client = smtplib.SMTP_SSL(*where, context=lenient_tls(), timeout=timeout)
        else:
            client = smtplib.SMTP(*where, timeout=timeout)
        with client:
            client.ehlo("client.test")
            if port == 587:
                client.starttls(context=lenient_tls())
                client.ehlo("client.test")
            if user:
                # smtplib's own login takes ASCII passwords only.
                plain = b64encode(self._plain(user, password)).decode()
                code, answer = client.docmd("AUTH PLAIN", plain)
                if code != 235:
                    raise smtplib.SMTPAuthenticationError(code, answer)
            yield client

    def send(self, mail: EmailMessage, user: str = "alice", port: int = 465) -> None:
        """Submit a message as a user."""
        with self.smtp(port, user) as client:
            client.send_message(mail)

    @contextmanager
    def imap(
        self, user: str, port: int = 993, password: str | None = None
    ) -> Iterator[imaplib.IMAP4]:
        """A logged-in IMAP session."""
        client: imaplib.IMAP4
        if port == 993:
            client = imaplib.IMAP4_SSL("127.0.0.1", self.port(port), ssl_context=lenient_tls())
        else:
            client = imaplib.IMAP4("127.0.0.1", self.port(port))
            client.starttls(lenient_tls())
        with client:
            client.authenticate("PLAIN", lambda _: self._plain(user, password))
            yield client

    @contextmanager
    def pop3(
        self, user: str, port: int = 995, password: str | None = None
    ) -> Iterator[poplib.POP3]:
        """A logged-in POP3 session."""
        client: poplib.POP3
        if port == 995:
            client = poplib.POP3_SSL("127.0.0.1", self.port(port), context=lenient_tls())
        else:
            client = poplib.POP3("127.0.0.1", self.port(port))
            client.stls(lenient_tls())
        client.encoding = "utf-8"
        client.user(user)
        client.pass_(password or self._password(user))
        try:
            yield client
        finally:
            client.quit()

    def login_refusals(self, user: str, password: str) -> dict[str, str]:
        """Return service -> how it refuses a login, of IMAP, POP3 and submission."""
        logins = {"imap": self.imap, "pop3": self.pop3, "smtp": partial(self.smtp, 465)}

        def refusal(login: Callable[..., AbstractContextManager[object]]) -> str | None:
            try:
                with login(user, password=password):
                    return None
            except (imaplib.IMAP4.error, poplib.error_proto, smtplib.SMTPException) as error:
                return str(error)

        # At the same time, since Dovecot makes each failed login wait, and the next one longer.
        with ThreadPoolExecutor() as threads:
            answers = dict(zip(logins, threads.map(refusal, logins.values()), strict=True))
        return {service: answer for service, answer in answers.items() if answer}

    def search(self, user: str, subject: str, folder: str = "INBOX") -> list[bytes]:
        """Return the messages with this subject, whole, as IMAP shows them."""
        with self.imap(user) as client:
            client.select(folder, readonly=True)
            _, (found,) = client.search(None, "SUBJECT", f'"{subject}"')
            messages = []
            for number in found.split():
                _, parts = client.fetch(number.decode(), "(BODY.PEEK[])")
                part = parts[0]
                assert isinstance(part, tuple)
                messages.append(part[1])
            return messages

    def wait_for(self, user: str, subject: str, timeout: float = 20) -> bytes:
        """Return the message with this subject as soon as IMAP shows it in the inbox."""
        found = wait_until(
            lambda: self.search(user, subject), timeout, f"mail {subject!r} for {user}"
        )
        return found[0]
