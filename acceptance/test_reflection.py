"""Nobody has the host write to others: no notices for strangers, no way to its inner domains."""

from __future__ import annotations

import smtplib

import pytest

from acceptance.support.mailhost import MailHost
from acceptance.support.signatures import outside, unique
from acceptance.support.submission import envelope, say, submit

STRANGER, CAROL = "stranger@world.test", "carol@second.test"
#: What the host's own port 25 says to its own processes.
LOCAL_RCPT = """
import smtplib, sys
with smtplib.SMTP("127.0.0.1", 25) as client:
    client.helo("localhost")
    client.mail("root@example.test")
    code, text = client.rcpt(sys.argv[1])
    print(code, text.decode())
"""
INNER = (
    *("x@forward.invalid", "x=world.test@forward.invalid", "x@FORWARD.Invalid"),
    *('"x"@forward.invalid', "x@forward.invalid.", "x+tag@probe.invalid", "robin@probe.invalid"),
    *("x%forward.invalid", "@forward.invalid:x@forward.invalid"),
)


@pytest.mark.parametrize(("port", "user"), [(25, None), (465, "alice"), (587, CAROL)])
@pytest.mark.parametrize("recipient", INNER)
def test_domains_of_the_hosts_inside_are_no_recipients(
    host: MailHost, port: int, user: str | None, recipient: str
) -> None:
    sender = host.address(user) if user else STRANGER
    assert envelope(host, sender, recipient, port, user).startswith("5")


@pytest.mark.parametrize("recipient", ["x@forward.invalid", "robin@probe.invalid"])
def test_nor_are_they_for_this_machine(host: MailHost, recipient: str) -> None:
    said = host.run("python3", "-c", LOCAL_RCPT, recipient)
    assert said.startswith("554 5.7.1 "), said


@pytest.mark.parametrize("hello", ["EHLO", "HELO"])
@pytest.mark.parametrize("notify", ["SUCCESS", "SUCCESS,DELAY,FAILURE", "NEVER", "success"])
def test_strangers_order_no_notices(host: MailHost, hello: str, notify: str) -> None:
    with smtplib.SMTP("127.0.0.1", host.port(25)) as client:
        client.docmd(hello, "client.test")
        assert say(client, "MAIL FROM:<victim@world.test>") == "250 2.1.0 Ok"
        for recipient in ("alice@example.test", "outside@example.test"):
            assert say(client, f"RCPT TO:<{recipient}> NOTIFY={notify}").startswith("5")


@pytest.mark.parametrize("option", ["RET=FULL", "ENVID=x"])
def test_strangers_say_nothing_of_notices(host: MailHost, option: str) -> None:
    with host.smtp(25) as client:
        assert say(client, f"MAIL FROM:<victim@world.test> {option}").startswith("5")


@pytest.mark.parametrize("hops", [48, 49, 50])
def test_a_forward_bounces_nothing_that_was_taken(host: MailHost, hops: int) -> None:
    subject = unique("many hops")
    head = b"Received: from a by b; Sun, 1 Nov 2026 00:00:00 +0000\r\n" * hops
    head += f"From: {STRANGER}\r\nSubject: {subject}".encode()
    code, _ = submit(host, head, 25, None, STRANGER, "outside@example.test")
    if code == 250:
        assert outside(host, subject).startswith(b"Received: ")
        assert "MAILER-DAEMON" not in host.run("postqueue", "-p")
        sent = host.peer.received()
        assert not [each for each in sent if subject.encode() in each.raw and not each.mail_from]
