"""Messages and envelopes of one's own making, and what the host answers to them."""

from __future__ import annotations

import smtplib

from acceptance.support.mailhost import MailHost

ALICE, BOB = "alice@example.test", "bob@example.test"


def answer(client: smtplib.SMTP, head: bytes, sender: str, recipient: str) -> tuple[int, bytes]:
    """Send a message with this header, and return the answer to it."""
    assert client.mail(sender)[0] == 250
    assert client.rcpt(recipient)[0] == 250
    assert client.docmd("DATA")[0] == 354
    client.send(head + b"\r\n\r\nHello\r\n.\r\n")
    return client.getreply()


def submit(
    host: MailHost,
    head: bytes,
    port: int = 465,
    user: str | None = "alice",
    sender: str = ALICE,
    recipient: str = BOB,
) -> tuple[int, bytes]:
    """The same in a session of its own."""
    with host.smtp(port, user) as client:
        return answer(client, head, sender, recipient)


def say(client: smtplib.SMTP, command: str) -> str:
    """Return the server's answer to a command as it is: "550 5.1.1 …"."""
    code, text = client.docmd(command)
    return f"{code} {text.decode()}"


def envelope(
    host: MailHost, sender: str, recipient: str, port: int = 25, user: str | None = None
) -> str:
    """Return the answer to RCPT TO, where Postfix judges sender and recipient both."""
    with host.smtp(port, user) as client:
        assert say(client, f"MAIL FROM:<{sender}>") == "250 2.1.0 Ok"
        return say(client, f"RCPT TO:<{recipient}>")
