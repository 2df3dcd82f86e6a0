"""What a mail program finds in its mailbox, and what nobody finds without a login."""

from __future__ import annotations

import contextlib
import imaplib
import poplib
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from uuid import uuid4

import pytest

from acceptance.support.mailhost import MailHost
from acceptance.support.starting import PORTS
from testbed.messages import message
from testbed.wait import wait_until

SPECIAL_USE = {"Drafts": "\\Drafts", "Sent": "\\Sent", "Trash": "\\Trash", "Junk": "\\Junk"}


def deliver(host: MailHost, recipient: str, subject: str) -> None:
    """Bring a message as another mail server does."""
    with host.smtp(25) as client:
        client.send_message(message(subject, "stranger@world.test", recipient))


def names(answer: tuple[str, Sequence[object]]) -> dict[str, set[str]]:
    """Parse the answer to LIST or LSUB: folder -> flags."""
    found = {}
    for line in answer[1]:
        assert isinstance(line, bytes)
        match = re.fullmatch(r'\((.*?)\) "/" "?(.*?)"?', line.decode())
        assert match, line
        found[match[2]] = set(match[1].split())
    return found


# ---- folders and messages ------------------------------------------------------------------------


@pytest.mark.parametrize("user", ["bob", "carol@second.test"])
def test_folders_are_there_by_use_and_subscribed(host: MailHost, user: str) -> None:
    with host.imap(user) as client:
        folders = names(client.list())
        for folder, flag in SPECIAL_USE.items():
            assert flag in folders[folder]
            assert client.select(folder)[0] == "OK"
        assert set(SPECIAL_USE) <= set(names(client.lsub()))


def test_messages_are_appended_flagged_and_moved(host: MailHost) -> None:
    subject = f"draft {uuid4().hex}"
    with host.imap("bob") as client:
        draft = message(subject, "bob@example.test", "alice@example.test").as_bytes()
        status, _ = client.append("Drafts", "(\\Draft \\Seen)", "", draft)
        assert status == "OK"
        client.select("Drafts")
        _, (uid,) = client.uid("SEARCH", "SUBJECT", f'"{subject}"')
        client.uid("STORE", uid.decode(), "+FLAGS", "(\\Flagged $Label1)")
        assert client.uid("MOVE", uid.decode(), "Sent")[0] == "OK"
        _, (left,) = client.uid("SEARCH", "SUBJECT", f'"{subject}"')
        assert left == b""
        client.select("Sent")
        _, (number,) = client.search(None, "SUBJECT", f'"{subject}"')
        _, (flags,) = client.fetch(number.decode(), "(FLAGS)")
    for flag in (b"\\Draft", b"\\Seen", b"\\Flagged", b"$Label1"):
        assert isinstance(flags, bytes)
        assert flag in flags


def uids(client: imaplib.IMAP4, subject: str) -> tuple[int, int]:
    """Return UIDVALIDITY and UID of the message with that subject in the inbox."""
    client.select("INBOX", readonly=True)
    (validity,) = client.response("UIDVALIDITY")[1]
    _, (uid,) = client.uid("SEARCH", "SUBJECT", f'"{subject}"')
    return int(validity), int(uid)


def test_uids_outlive_a_reload(host: MailHost) -> None:
    subject = f"uid {uuid4().hex}"
    deliver(host, "bob@example.test", subject)
    host.wait_for("bob", subject)
    with host.imap("bob") as client:
        before = uids(client, subject)
    host.run("doveadm", "reload")

    def after() -> tuple[int, int] | None:
        # A login that comes in the moment of the reload may be hung up on; mail programs try again.
        with contextlib.suppress(imaplib.IMAP4.abort, OSError), host.imap("bob") as client:
            return uids(client, subject)
        return None

    assert wait_until(after, 10, "a login after the reload") == before


def test_pop3_names_messages_by_uid_and_uidvalidity(host: MailHost) -> None:
    """The same on both releases, so that no client downloads everything again after an upgrade."""
    subject = f"uidl {uuid4().hex}"
    deliver(host, "carol@second.test", subject)
    host.wait_for("carol@second.test", subject)
    with host.imap("carol@second.test") as client:
        validity, uid = uids(client, subject)
    with host.pop3("carol@second.test") as pop3:
        listed = {line.split()[1].decode() for line in pop3.uidl()[1]}
    assert f"{uid:08x}{validity:08x}" in listed


def test_twenty_devices_of_one_person_are_served(host: MailHost) -> None:
    with contextlib.ExitStack() as stack:
        sessions = [stack.enter_context(host.imap("bob")) for _ in range(40)]
        assert {session.select("INBOX")[0] for session in sessions} == {"OK"}
        for _ in range(5):
            assert stack.enter_context(host.pop3("bob")).noop() == b"+OK"
        with host.imap("alice") as other:
            assert other.noop()[0] == "OK"
        assert {session.noop()[0] for session in sessions} == {"OK"}


# ---- delivery ------------------------------------------------------------------------------------


def test_mail_is_kept_for_its_owner_alone(host: MailHost) -> None:
    subject = f"private {uuid4().hex}"
    deliver(host, "carol@second.test", subject)
    host.wait_for("carol@second.test", subject)
    maildir = "/var/vmail/second.test/carol/Maildir"
    assert host.run("find", "/var/vmail", "-type", "d", "-perm", "/077") == ""
    assert host.run("find", maildir, "!", "-user", "vmail") == ""
    (path, *_) = host.run("grep", "-rl", f"Subject: {subject}", maildir).splitlines()
    assert host.run("stat", "-c", "%U:%G %a", path).strip() == "vmail:vmail 600"
    assert host.run("runuser", "-u", "www-data", "--", "cat", path, check=False) == ""


def test_postfix_itself_writes_the_maildir(host: MailHost) -> None:
    subject = f"virtual {uuid4().hex}"
    deliver(host, "bob@example.test", subject)
    mail = host.wait_for("bob", subject).decode()
    (queue_id,) = re.findall(r"by mail\.example\.test \(Postfix\) with \S+ id (\w+)", mail)
    sent = rf"^{queue_id}: to=<bob@example\.test>, .*relay=virtual, .*status=sent"
    assert wait_until(lambda: host.log(sent), 10, "the line in the log")


@pytest.fixture
def without_dovecot(host: MailHost) -> Iterator[None]:
    host.run("systemctl", "stop", "dovecot")
    yield
    host.run("systemctl", "start", "dovecot")


@pytest.mark.usefixtures("without_dovecot")
def test_mail_lands_while_dovecot_is_stopped(host: MailHost) -> None:
    subject = f"early {uuid4().hex}"
    new = "/var/vmail/example.test/bob/Maildir/new"
    deliver(host, "bob@example.test", subject)
    wait_until(
        lambda: host.run("grep", "-rl", f"Subject: {subject}", new, check=False), 20, "delivery"
    )
    assert host.run("systemctl", "is-active", "dovecot", check=False).strip() == "inactive"
    host.run("systemctl", "start", "dovecot")
    host.wait_for("bob", subject)


# ---- who gets in ---------------------------------------------------------------------------------


def test_only_mail_and_ssh_listen(host: MailHost) -> None:
    reachable: set[int] = set()
    inside: set[int] = set()
    for line in host.run("ss", "-ltnH").splitlines():
        address, _, port = line.split()[3].rpartition(":")
        if address != "127.0.0.11":  # Docker's own resolver, on a port of its choice
            (inside if address in ("127.0.0.1", "[::1]") else reachable).add(int(port))
    assert reachable == set(PORTS)
    assert inside == {10001, 10002, 10026}, "the second pass of forwards"


@pytest.fixture
def unix_password(host: MailHost) -> Iterator[str]:
    """A password of root and www-data on the target, for the time of one test."""
    accounts, password = ("root", "www-data"), "unix-password"
    before = {name: host.run("getent", "shadow", name).split(":")[1] for name in accounts}
    host.run("chpasswd", input="".join(f"{name}:{password}\n" for name in accounts))
    yield password
    for name, shadow in before.items():
        host.run("usermod", "-p", shadow, name)


@pytest.mark.parametrize("account", ["root", "www-data"])
def test_unix_accounts_cannot_log_in(host: MailHost, unix_password: str, account: str) -> None:
    refusals = host.login_refusals(account, unix_password)
    assert "AUTHENTICATIONFAILED" in refusals["imap"]
    assert "-ERR [AUTH]" in refusals["pop3"]
    assert "535" in refusals["smtp"]


def test_imap_takes_no_password_in_the_clear(host: MailHost) -> None:
    with imaplib.IMAP4("127.0.0.1", host.port(143)) as client:
        assert {"LOGINDISABLED", "STARTTLS"} <= set(client.capabilities)
        with pytest.raises(imaplib.IMAP4.error, match="PRIVACYREQUIRED"):
            client.login("carol@second.test", "carol-password")


def test_pop3_takes_no_password_in_the_clear(host: MailHost) -> None:
    client = poplib.POP3("127.0.0.1", host.port(110))
    assert "STLS" in client.capa()
    with pytest.raises(poplib.error_proto, match=r"(?i)(clear|plain)text auth"):
        client.user("carol@second.test")
    client.quit()


@pytest.mark.parametrize("user", ["bob", "bob@example.test", "Bob", "BOB@Example.TEST"])
def test_users_log_in_bare_or_in_full(host: MailHost, user: str) -> None:
    full = user if "@" in user else f"{user}@example.test"
    any_case = replace(host, passwords={full: host.passwords["bob@example.test"]})
    subject = f"login {uuid4().hex}"
    mail = message(subject, "bob@example.test", "bob@example.test")
    any_case.send(mail, user, 587)
    any_case.wait_for(user, subject)
    with any_case.pop3(user) as client:
        assert client.stat()[0] > 0
