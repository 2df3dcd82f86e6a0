"""The life of a user: added, changed, removed, added again, forgotten."""

from __future__ import annotations

import imaplib
from collections.abc import Iterator
from typing import Any

import pytest

from acceptance.support.mailhost import MailHost
from tasks.password import sha512_crypt
from testbed.inventory import inventory_data
from testbed.messages import message
from testbed.wait import wait_until

DORA = "dora@example.test"
FOLDER = "/var/vmail/example.test/dora"
ABSENT = {"state": "absent"}
PURGED = {"state": "absent", "mail": "purge"}
UNKNOWN = (550, b"5.1.1")


@pytest.fixture(scope="module")
def changing(host: MailHost) -> Iterator[MailHost]:
    """A host on which each test deploys the users that it needs; without dora in the end."""
    with host.restored():
        yield host
        host.must_deploy(**with_dora(host, PURGED))


def with_dora(host: MailHost, dora: dict[str, str] | None, **changes: Any) -> dict[str, Any]:
    """Return the inventory keys of the plain host and one user more."""
    users = inventory_data(host.target)["mail_users"]
    assert isinstance(users, dict)
    return {"mail_users": {**users, **({"dora": dora} if dora else {})}, **changes}


def present(host: MailHost, password: str = "dora") -> dict[str, Any]:
    host.passwords[DORA] = password
    return with_dora(host, {"password_hash": sha512_crypt(password)})


def refuses(host: MailHost) -> bool:
    """Whether every service refuses dora's login with her first password."""
    refusals = host.login_refusals("dora", "dora")
    return len(refusals) == 3 and "535" in refusals["smtp"]


def recipient(host: MailHost) -> tuple[int, bytes]:
    """Return what port 25 says of mail to dora: the code, and the enhanced one."""
    with host.smtp(25) as client:
        client.mail("friend@world.test")
        code, text = client.rcpt(DORA)
        return int(code), text.split()[0]


def test_an_archiving_that_was_cut_off_is_finished(host: MailHost) -> None:
    folder = "/var/vmail/.retiring/archive:dora@example.test-20261124T030000Z/Maildir/cur"
    host.run("sh", "-euc", f"umask 077; mkdir -p {folder}; echo unfinished > {folder}/1")
    assert len(host.must_deploy().changed) == 1
    archive = "/var/vmail/.archive/dora@example.test-20261124T030000Z.tar.gz"
    assert host.run("tar", "-xzOf", archive) == "unfinished\n"
    assert host.run("ls", "/var/vmail/.retiring") == ""
    assert host.must_deploy().changed == []
    host.run("rm", "-r", "/var/vmail/.archive")


def test_an_alias_comes_and_goes(host: MailHost) -> None:
    aliases = inventory_data(host.target)["mail_aliases"]
    assert isinstance(aliases, dict)
    with host.deployed(mail_aliases={**aliases, "dora": ["bob"]}):
        assert recipient(host)[0] == 250
        with host.smtp(465, "bob") as client:
            client.mail(DORA)
            assert client.rcpt("alice@example.test")[0] == 250
    assert recipient(host) == UNKNOWN


@pytest.mark.one_release
def test_500_users_are_one_file(changing: MailHost) -> None:
    host = changing
    digest = sha512_crypt("many")
    many = {f"user{number}": {"password_hash": digest} for number in range(500)}
    data = with_dora(host, None)
    host.must_deploy(mail_users={**data["mail_users"], **many})
    assert host.run("sh", "-c", "doveadm user '*' | wc -l").strip() == "503"
    host.passwords["user499@example.test"] = "many"
    with host.imap("user499") as client:
        assert client.select()[0] == "OK"
    wait_until(lambda: "user499" not in host.run("doveadm", "who"), 5, "her session's end")
    host.run("rm", "-r", "/var/vmail/example.test/user499")


def test_a_new_user_logs_in_and_receives_at_once(changing: MailHost) -> None:
    host = changing
    before = host.pids()
    host.must_deploy(**present(host))
    host.send(message("welcome", "alice@example.test", DORA))
    assert b"Hello" in host.wait_for("dora", "welcome")
    host.must_deploy(**present(host, "another"))
    with host.imap(DORA) as client:
        assert client.select()[0] == "OK"
    assert refuses(host)
    assert host.pids() == before


def test_a_removed_user_is_out_and_the_mail_archived(changing: MailHost) -> None:
    host = changing
    host.must_deploy(**present(host))
    host.send(message("kept for later", "alice@example.test", DORA))
    host.wait_for("dora", "kept for later")
    with host.imap("alice") as alice, host.imap("dora") as dora, host.smtp(465, "dora") as sending:
        dora.select()
        _, (old_validity,) = dora.response("UIDVALIDITY")
        before = host.pids()
        run = host.must_deploy(**with_dora(host, ABSENT))
        assert "Mailboxes: archive or purge the mail of removed users" in run.changed
        # Her open sessions: IMAP ends, SMTP sends nothing more. Nobody else's notices.
        with pytest.raises((imaplib.IMAP4.error, OSError)):
            dora.noop()
        sending.mail(DORA)
        assert sending.rcpt("bob@example.test")[0] == 553
        assert alice.noop()[0] == "OK"
        assert host.pids() == before
    assert refuses(host)
    assert recipient(host) == UNKNOWN
    archive = host.run("sh", "-c", "ls /var/vmail/.archive/dora@example.test-*.tar.gz").split()[-1]
    assert host.run("stat", "-c", "%U %a", archive).strip() == "root 600"
    assert host.run("stat", "-c", "%U %a", "/var/vmail/.archive").strip() == "root 700"
    assert "kept for later" in host.run("tar", "-xzOf", archive)
    host.run("test", "!", "-e", FOLDER)
    assert host.must_deploy(**with_dora(host, ABSENT)).changed == []

    # Added again: an empty mailbox that no client takes for the old one.
    host.must_deploy(**present(host))
    with host.imap("dora") as dora:
        assert dora.select()[1] == [b"0"]
        assert dora.response("UIDVALIDITY")[1] != [old_validity]

    host.must_deploy(**with_dora(host, PURGED))
    host.run("test", "!", "-e", FOLDER)
    assert host.run("ls", "/var/vmail/.retiring") == ""
    assert host.run("sh", "-c", "ls /var/vmail/.archive").split() == [archive.rpartition("/")[2]]
    host.run("rm", "-r", "/var/vmail/.archive")


def test_a_user_who_vanished_is_locked_out_and_the_mail_stays(changing: MailHost) -> None:
    host = changing
    host.must_deploy(**present(host))
    host.send(message("still here", "alice@example.test", DORA))
    host.wait_for("dora", "still here")
    with host.imap("dora") as dora:
        run = host.must_deploy(**with_dora(host, None))
        with pytest.raises((imaplib.IMAP4.error, OSError)):
            dora.noop()
    assert f"{DORA} is not in mail_users" in run.output
    assert refuses(host)
    assert recipient(host) == UNKNOWN
    host.must_deploy(**present(host))
    assert host.search("dora", "still here")
