"""A stolen password: what a login may send, counted on the host, and told to the owner once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from email.policy import SMTP

import pytest

from acceptance.support.mailhost import MailHost
from acceptance.support.signatures import signatures, unique
from acceptance.support.submission import submit
from testbed.messages import message

ALICE, BOB, CAROL = "alice@example.test", "bob@example.test", "carol@second.test"
MESSAGES, RECIPIENTS, NEW, WARMUP = 5, 10, 3, 5
AFTER = r" try again after 20\d\d-\d\d-\d\d \d\d:\d\d UTC"


def forget(host: MailHost) -> None:
    """Forget what was counted: the service ends, and its file goes."""
    host.run("systemctl", "stop", "mailhost-limits.service")
    host.run("sh", "-c", "rm -f /var/lib/mailhost-limits/*")


@pytest.fixture(scope="module")
def limited(host: MailHost) -> Iterator[MailHost]:
    """A host with small limits, in its warm-up, that does not look at From:."""
    forget(host)
    small = {"messages_hour": MESSAGES, "recipients_hour": RECIPIENTS, "new_recipients_day": NEW}
    warmup = {"start": date.today().isoformat(), "first_day": WARMUP}
    with host.deployed(mail_from_header="off", mail_limits=small, mail_warmup=warmup):
        yield host
        forget(host)


def refusal(host: MailHost, user: str, *recipients: str, port: int = 465) -> str:
    """Send a message; return "" or the code and text of its refusal at DATA."""
    mail = message(unique("limited"), host.address(user), *recipients[:1])
    with host.smtp(port, user) as client:
        client.mail(host.address(user))
        for recipient in recipients:
            assert client.rcpt(recipient)[0] == 250
        code, text = client.docmd("DATA")
        if code != 354:
            return f"{code} {text.decode()}"
        client.send(mail.as_bytes(policy=SMTP) + b"\r\n.\r\n")
        assert client.getreply()[0] == 250
    return ""


def notices(host: MailHost, login: str) -> list[bytes]:
    return host.search("alice", f"{login} has reached its sending limit")


def test_a_login_sends_so_many_messages_whoever_asks_at_once(limited: MailHost) -> None:
    host, before = limited, len(notices(limited, BOB))

    def attempt(number: int) -> str:
        return refusal(host, "bob", BOB, port=465 if number % 2 else 587)

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(attempt, range(MESSAGES + 3)))
    assert answers.count("") == MESSAGES
    text = "450 4.7.1 <DATA>: Data command rejected: bob@example.test may send 5 messages an hour:"
    assert all(re.fullmatch(re.escape(text) + AFTER, each) for each in answers if each)
    # It is counted on disk, and what was refused is not counted.
    host.run("systemctl", "restart", "mailhost-limits.socket")
    assert refusal(host, "bob", CAROL).startswith(text)
    # Nobody else's matter, and not that of mail that arrives.
    with host.smtp(25) as client:
        client.sendmail("friend@world.test", [BOB], b"Subject: x\r\n\r\nHello\r\n")
    host.wait_for("alice", f"{BOB} has reached its sending limit")
    assert refusal(host, CAROL, *[f"bob+{number}@example.test" for number in range(8)]) == ""
    refused = refusal(host, CAROL, BOB, ALICE, CAROL)
    assert "450 4.7.1" in refused
    assert "carol@second.test may send 10 recipients an hour: try again after 20" in refused
    many = refusal(host, CAROL, *[f"bob+{number}@example.test" for number in range(11)])
    assert many.endswith("10 recipients an hour: this message alone has more, send it to fewer")
    # The owner: one mail a login and day. Carol's came after bob's would have come again.
    host.wait_for("alice", f"{CAROL} has reached its sending limit")
    told = notices(host, BOB)
    assert len(told) == before + 1
    assert b"bob@example.test may send 5 messages an hour: try again after 20" in told[-1]
    assert b"\r\nAuto-Submitted: auto-generated\r\n" in told[-1]


def test_new_recipients_then_the_warmup_of_the_host(limited: MailHost) -> None:
    host = limited
    friends = [f"friend{number}@world.test" for number in range(NEW + 1)]
    assert refusal(host, "alice", *friends[:NEW]) == ""
    assert "alice@example.test may send 3 recipients a day whom it never wrote to before:" in (
        refusal(host, "alice", friends[0], friends[NEW])
    )
    assert refusal(host, "alice", *friends[:2]) == "", "she wrote to them before"
    # That made 5 on other hosts: all that the host may send today, whoever sends it.
    text = "this host may send to 5 recipients on other hosts a day until other hosts know it:"
    assert text in refusal(host, CAROL, friends[0])
    assert refusal(host, "alice", BOB) == "", "mail that stays here"


def test_without_the_count_mail_waits(limited: MailHost) -> None:
    host = limited
    host.run("systemctl", "stop", "mailhost-limits.socket")
    try:
        with host.smtp(465, CAROL) as client:
            client.mail(CAROL)
            code, text = client.rcpt(BOB)
            assert (code, text[:5]) == (451, b"4.3.0")
    finally:
        host.run("systemctl", "start", "mailhost-limits.socket")
    with host.smtp(587, CAROL) as client:
        client.mail(CAROL)
        client.rcpt(BOB)
        host.run("systemctl", "kill", "-s", "KILL", "mailhost-limits.service")
        code, text = client.docmd("DATA")
        if code == 354:
            client.send(b".\r\n")
        assert (code, text[:5]) == (450, b"4.3.0"), "who the recipients are died with it"
    assert refusal(host, CAROL, BOB) == ""


def test_from_is_anybody_where_nobody_looks_but_only_ours_is_signed(limited: MailHost) -> None:
    assert submit(limited, b"From: bob@example.test")[0] == 250
    subject = unique("foreign From")
    head = f"From: stranger@world.test\r\nSubject: {subject}".encode()
    assert submit(limited, head, user=CAROL, sender=CAROL)[0] == 250
    assert signatures(limited.wait_for("bob", subject)) == []


def test_nobody_else_reads_whom_they_write_to(limited: MailHost) -> None:
    files = limited.run("find", "/var/lib/private", "-path", "*limits*", "-printf", "%m %f\n")
    assert {line.split()[0] for line in files.splitlines()} == {"700", "600"}
    socket = limited.run("stat", "-c", "%U %a", "/var/spool/postfix/private/limits")
    assert socket.strip() == "postfix 600"
    user = limited.run("systemctl", "show", "-P", "DynamicUser", "mailhost-limits.service")
    assert user.strip() == "yes"
