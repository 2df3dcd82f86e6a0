"""CVE-2023-51764: what another server passes on as text does not end a message here."""

from __future__ import annotations

import contextlib
import socket
from uuid import uuid4

import pytest

from acceptance.support.mailhost import MailHost


def raw_session(host: MailHost, *parts: bytes) -> bytes:
    """Send each part after an answer to the one before, and return what is said until the end."""
    with socket.create_connection(("127.0.0.1", host.port(25)), 30) as connection:
        answers = b""
        for part in parts:
            answers += connection.recv(4096)
            connection.sendall(part)
        # A server that hangs up on unread input resets the connection.
        with contextlib.suppress(ConnectionResetError):
            while more := connection.recv(4096):
                answers += more
    return answers


def test_talking_before_the_greetings_answer_ends_the_session(host: MailHost) -> None:
    said = raw_session(
        host, b"HELO client.test\r\nMAIL FROM:<>\r\nRCPT TO:<alice@example.test>\r\n"
    )
    assert b"554 5.5.0 " in said
    assert b"250 2.1.5 " not in said


ENDINGS = [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r"]


@pytest.mark.parametrize("ending", ENDINGS, ids=repr)
def test_no_second_message_is_smuggled_in(host: MailHost, ending: bytes) -> None:
    number = uuid4().hex
    forged = b"MAIL FROM:<root@world.test>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n"
    forged += f"Subject: forged {number}\r\n\r\nforged".encode()
    said = raw_session(
        host,
        b"EHLO client.test\r\n",
        b"MAIL FROM:<stranger@world.test>\r\n",
        b"RCPT TO:<bob@example.test>\r\n",
        b"DATA\r\n",
        f"Subject: smuggler {number}\r\n\r\ntext".encode() + ending + forged + b"\r\n.\r\nQUIT\r\n",
    )
    assert said.count(b"queued as") == 1
    host.wait_for("bob", f"smuggler {number}")
    assert host.search("bob", f"forged {number}") == []
