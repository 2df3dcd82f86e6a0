"""The signer fails closed: without it mail waits, and nothing leaves or is kept unsigned."""

from __future__ import annotations

import smtplib
from collections.abc import Callable, Iterator

import pytest

from acceptance.support.mailhost import MailHost
from acceptance.support.signatures import outside, unique, verified
from testbed.messages import message
from testbed.wait import wait_until

SOCKET = "/var/spool/postfix/opendkim/opendkim.sock"


@pytest.fixture
def without_signer(host: MailHost) -> Iterator[Callable[[], None]]:
    """The signer is stopped, until the test ends or starts it."""
    host.run("systemctl", "stop", "opendkim")
    yield lambda: start(host)
    start(host)


def start(host: MailHost) -> None:
    host.run("systemctl", "start", "opendkim")
    wait_until(lambda: host.run("sh", "-c", f"test -S {SOCKET} && echo yes", check=False), 10, "up")


@pytest.mark.parametrize(
    ("port", "user", "answer"),
    [(25, None, r"451.*4\.7\.1"), (465, "bob", r"454.*4\.3\.0"), (587, "bob", r"454.*4\.3\.0")],
)
def test_without_the_signer_mail_waits(
    host: MailHost,
    without_signer: Callable[[], None],
    port: int,
    user: str | None,
    answer: str,
) -> None:
    subject = unique("waits")
    sender = "bob@example.test" if user else "stranger@world.test"
    recipients = ["alice@example.test"] + (["someone@world.test"] if user else [])
    mail = message(subject, sender, *recipients)

    def attempt() -> None:
        with host.smtp(port, user) as client:
            client.send_message(mail)

    with pytest.raises(smtplib.SMTPException, match=answer):
        attempt()
    without_signer()
    attempt()
    host.wait_for("alice", subject)
    assert len(host.search("alice", subject)) == 1, "the first attempt was refused"
    if user:
        assert verified(host, outside(host, subject))


def test_without_the_signer_mail_of_the_machine_waits(
    host: MailHost, without_signer: Callable[[], None]
) -> None:
    subject = unique("cron waits")
    host.run("sendmail", "root", input=f"Subject: {subject}\n\nHello\n")
    refused = r"milter-reject: CONNECT from localhost\[127\.0\.0\.1\]: 4\.7\.1 "
    wait_until(lambda: host.log(refused), 10, "an attempt")
    without_signer()
    host.run("postkick", "public", "pickup", "W")
    assert verified(host, host.wait_for("alice", subject))


def test_a_killed_signer_comes_back(host: MailHost) -> None:
    before, subject = host.pids()["opendkim"], unique("killed")
    host.run("kill", "-9", str(before))
    wait_until(lambda: host.pids()["opendkim"] not in (0, before), 20, "another process")
    start(host)
    host.send(message(subject, "bob@example.test", "bob@example.test"), "bob")
    assert verified(host, host.wait_for("bob", subject))


def test_the_signer_is_reached_by_postfix_alone(host: MailHost) -> None:
    assert host.run("stat", "-c", "%U:%G %a %F", SOCKET).strip() == "opendkim:postfix 770 socket"
    for user, expected in (("postfix", "open"), ("www-data", "closed"), ("admin", "closed")):
        look = f"test -w {SOCKET} && echo open || echo closed"
        assert host.run("runuser", "-u", user, "--", "sh", "-c", look).strip() == expected
    milters = host.run("postconf", "-h", "smtpd_milters", "non_smtpd_milters").split()
    assert milters == ["unix:opendkim/opendkim.sock", "$smtpd_milters"]
    assert "opendkim" not in host.run("ss", "-ltnpH")
