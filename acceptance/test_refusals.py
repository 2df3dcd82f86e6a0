"""What is refused, and with which code: 5xx for what will never be right, 4xx for what may be."""

from __future__ import annotations

import smtplib
from concurrent.futures import ThreadPoolExecutor

import pytest

from acceptance.support.clients import lenient_tls
from acceptance.support.mailhost import MailHost
from acceptance.support.submission import envelope, say
from testbed.inventory import DOMAINS, HOSTNAME

STRANGER, CAROL = "stranger@world.test", "carol@second.test"
SYSTEM_SITES = (*DOMAINS, HOSTNAME, f"localhost.{DOMAINS[0]}")
#: RFC 2142, sections 3 to 6, and the names that a machine's own mail goes to.
ROLES = (
    *("info", "marketing", "sales", "support", "abuse", "noc", "security", "postmaster"),
    *("hostmaster", "usenet", "news", "webmaster", "www", "uucp", "ftp", "root", "mailer-daemon"),
)


# ---- logins --------------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", [False, True], ids=["clear", "starttls"])
def test_port_25_knows_no_logins(host: MailHost, tls: bool) -> None:
    with host.smtp(25) as client:
        if tls:
            client.starttls(context=lenient_tls())
            client.ehlo("client.test")
        assert not client.has_extn("auth")
        assert say(client, "AUTH PLAIN AGFsaWNlAHg=").startswith("503 5.5.1 ")
        assert say(client, "AUTH LOGIN").startswith("503 5.5.1 ")


@pytest.mark.parametrize("command", ["AUTH PLAIN AGFsaWNlAHg=", "MAIL FROM:<alice@example.test>"])
def test_587_does_nothing_before_starttls(host: MailHost, command: str) -> None:
    with smtplib.SMTP("127.0.0.1", host.port(587)) as client:
        client.ehlo("client.test")
        assert client.has_extn("starttls")
        assert not client.has_extn("auth")
        assert say(client, command).startswith("530 5.7.0 ")


@pytest.mark.parametrize("port", [465, 587])
@pytest.mark.parametrize("recipient", ["someone@world.test", "bob@example.test"])
@pytest.mark.parametrize(
    ("sender", "code"),
    [(STRANGER, "554 5.7.1 "), ("", "554 5.7.1 "), ("alice@example.test", "553 5.7.1 ")],
)
def test_submission_is_for_those_who_log_in(
    host: MailHost, port: int, recipient: str, sender: str, code: str
) -> None:
    assert envelope(host, sender, recipient, port).startswith(code)


# Few of them: Dovecot answers each failure of an address later than the one before.
def test_wrong_password_or_user_is_535(host: MailHost) -> None:
    def attempt(port: int, user: str) -> str:
        with host.smtp(port) as client, pytest.raises(smtplib.SMTPAuthenticationError) as refusal:
            client.login(user, "carol-password")
        return str(refusal.value)

    # At the same time, since Dovecot makes each failed login wait, and the next one longer.
    with ThreadPoolExecutor() as threads:
        answers = threads.map(attempt, (465, 587, 465), ("alice", "ghost@example.test", "carol"))
        assert all(answer.startswith("(535, b'5.7.8 ") for answer in answers)


# ---- who may send as whom ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("user", "sender"),
    [
        ("alice", "bob@example.test"),
        ("alice", "bob+tag@example.test"),
        ("alice", "carol@second.test"),
        ("alice", "alice@second.test"),
        ("alice", "someone@world.test"),
        ("alice", "ghost@example.test"),
        ("alice", "daemon@example.test"),
        ("alice", "outside@example.test"),
        ("alice", f"alice@{HOSTNAME}"),
        ("bob", "root@example.test"),
        ("bob", "postmaster@second.test"),
        ("bob", "alice@example.test"),
        ("carol@second.test", "sales@example.test"),
        ("carol@second.test", "carol@example.test"),
    ],
)
def test_an_address_of_others_is_no_sender(host: MailHost, user: str, sender: str) -> None:
    answer = envelope(host, sender, "bob@example.test", 465, user)
    assert answer.startswith("553 5.7.1 "), answer


@pytest.mark.parametrize(
    ("user", "sender"),
    [
        ("alice", "alice@example.test"),
        ("alice", "ALICE@Example.TEST"),
        ("alice", "alice+tag@example.test"),
        ("alice", "root@example.test"),
        ("alice", "abuse@second.test"),
        ("bob", "sales@example.test"),
        ("bob", "team@second.test"),
        ("carol@second.test", "team@second.test"),
        ("carol@second.test", "carol+tag@second.test"),
        ("alice", ""),  # read receipts (RFC 8098, section 3) have no sender
    ],
)
def test_an_own_address_is_a_sender(host: MailHost, user: str, sender: str) -> None:
    answer = envelope(host, sender, "someone@world.test", 465, user)
    assert answer == "250 2.1.5 Ok"


# ---- who is written to ---------------------------------------------------------------------------


@pytest.mark.parametrize("sender", [STRANGER, "alice@example.test", f"root@{HOSTNAME}", ""])
@pytest.mark.parametrize(
    "recipient",
    [
        "user@world.test",
        "user%world.test@example.test",
        f"user%world.test@{HOSTNAME}",
        '"user@world.test"@example.test',
        '"a@b"@example.test',
        "user@world.test@example.test",
        "@example.test:user@world.test",
        "world.test!user",
        "world.test!user@example.test",
        '"user@world.test"',
    ],
)
def test_no_trick_relays(host: MailHost, sender: str, recipient: str) -> None:
    answer = envelope(host, sender, recipient)
    assert answer.startswith("554 5.7.1 "), answer


@pytest.mark.parametrize("literal", ["127.0.0.1", "IPv6:::1"])
def test_address_literals_are_no_way_in(host: MailHost, literal: str) -> None:
    answer = envelope(host, STRANGER, f"root@[{literal}]")
    assert answer.startswith(("550 5.1.1 ", "554 5.7.1 ")), answer


@pytest.mark.parametrize("port", [25, 465])
@pytest.mark.parametrize("site", SYSTEM_SITES)
@pytest.mark.parametrize("account", ["daemon", "www-data", "nobody", "vmail", "ghost"])
def test_system_accounts_and_unknown_users_are_no_recipients(
    host: MailHost, port: int, site: str, account: str
) -> None:
    user, sender = ("bob", "bob@example.test") if port == 465 else (None, STRANGER)
    answer = envelope(host, sender, f"{account}@{site}", port, user)
    assert answer.startswith("550 5.1.1 "), answer
    assert answer.endswith("User unknown"), "it would name the table"


@pytest.mark.parametrize("name", ["daemon@localhost", "root@localhost", "alice", "ghost"])
def test_incomplete_recipients_are_refused(host: MailHost, name: str) -> None:
    assert envelope(host, STRANGER, name).startswith("504 5.5.2 ")


@pytest.mark.parametrize("address", ["carol@example.test", "alice@second.test"])
def test_each_domain_has_its_own_names(host: MailHost, address: str) -> None:
    assert envelope(host, STRANGER, address).startswith("550 5.1.1 ")


@pytest.mark.parametrize("domain", DOMAINS)
def test_rfc_2142_names_are_recipients(host: MailHost, domain: str) -> None:
    # One session: Postfix slows down who begins and abandons many messages (in_flow_delay).
    with host.smtp(25) as client:
        assert say(client, f"MAIL FROM:<{STRANGER}>") == "250 2.1.0 Ok"
        for role in ROLES:
            assert say(client, f"RCPT TO:<{role}@{domain}>") == "250 2.1.5 Ok", role


@pytest.mark.parametrize("name", ["postmaster", "Postmaster", f"postmaster@{HOSTNAME}"])
def test_postmaster_is_a_recipient_without_domain(host: MailHost, name: str) -> None:
    assert envelope(host, "", name) == "250 2.1.5 Ok"


@pytest.mark.parametrize(
    ("sender", "code"),
    [
        ("someone", "504 5.5.2 "),
        ("someone@unqualified", "504 5.5.2 "),
        ("someone@something.nowhere.test", "450 4.1.8 "),
    ],
)
def test_senders_that_cannot_be_answered_are_refused(
    host: MailHost, sender: str, code: str
) -> None:
    assert envelope(host, sender, "alice@example.test").startswith(code)


# ---- what is not told, and what no client does ---------------------------------------------------


@pytest.mark.parametrize("port", [25, 465, 587])
def test_addresses_are_not_given_away(host: MailHost, port: int) -> None:
    with host.smtp(port) as client:
        for name in ("alice", "alice@example.test", "ghost@example.test", "root"):
            assert say(client, f"VRFY {name}") == "502 5.5.1 VRFY command is disabled"
            assert say(client, f"EXPN {name}").startswith("500 5.5.2 ")
        assert say(client, "ETRN example.test").startswith("554 5.7.1 ")


@pytest.mark.parametrize("port", [25, 465, 587])
def test_only_what_is_needed_is_announced(host: MailHost, port: int) -> None:
    with host.smtp(port) as client:
        announced = {"pipelining", "size", "enhancedstatuscodes", "8bitmime"}
        announced |= {"starttls"} if port == 25 else {"auth", "dsn"}
        assert set(client.esmtp_features) == announced


def test_greeting_names_the_host_and_no_release(host: MailHost) -> None:
    with smtplib.SMTP() as client:
        code, text = client.connect("127.0.0.1", host.port(25))
    assert (code, text) == (220, f"{HOSTNAME} ESMTP".encode())


def test_helo_is_required(host: MailHost) -> None:
    with smtplib.SMTP("127.0.0.1", host.port(25)) as client:
        assert say(client, f"MAIL FROM:<{STRANGER}>").startswith("503 5.5.1 ")
