"""tasks/import_maildirs.py: the Maildirs of a host that was set up by hand."""

from __future__ import annotations

import imaplib
import smtplib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from acceptance.support.killing import settle
from acceptance.support.ledger import HEADER, Ledger
from acceptance.support.mailhost import MailHost
from acceptance.support.runs import Run
from tasks.password import sha512_crypt
from testbed.inventory import inventory_data
from testbed.messages import message

TASK = "tasks/import_maildirs.py"
DORA, BOB = "dora@example.test", "bob@example.test"
#: Where the users' mail is.
MAILBOX, BOBS = "/var/vmail/example.test/dora", "/var/vmail/example.test/bob/Maildir"

# A Maildir as Dovecot leaves it: a seen and a new message, a folder, and the UIDs of all of them.
OLD_MAILDIR = """
set -eu
rm -rf /home/dora
mkdir -p /home/dora/Maildir/cur /home/dora/Maildir/new /home/dora/Maildir/tmp
cd /home/dora/Maildir
mkdir -p .Sent/cur .Sent/new .Sent/tmp
put() { printf 'From: x@world.test\\nSubject: %s\\n\\n%s\\n' "$2" "$2" > "$1"; }
put cur/1700000001.M1P1.old:2,FS 'old flagged'
put new/1700000002.M2P2.old 'old unseen'
put .Sent/cur/1700000003.M3P3.old:2,S 'old sent'
touch -d '2023-11-14 22:13:21' cur/1700000001.M1P1.old:2,FS
printf '3 V1600000000 N30 G0123456789abcdef0123456789abcdef\\n' > dovecot-uidlist
printf '11 :1700000001.M1P1.old\\n29 :1700000002.M2P2.old\\n' >> dovecot-uidlist
printf '3 V1600000001 N8 Gfedcba9876543210fedcba9876543210\\n7 :1700000003.M3P3.old\\n' \
  > .Sent/dovecot-uidlist
chmod -R go-rwx /home/dora
chown -R 1234:1234 /home/dora
mkdir -p /home/stranger/Maildir/cur
"""

# What an account can put into its own Maildir to have others' files copied, or the run held up.
TRAPS = r"""
set -eu
cd /home/dora/Maildir
ln -s "$1" .Bobs
mkdir -p .Half
ln -s "$1/cur" .Half/cur
ln -s "$1/new" .Half/new
ln -s "$1/dovecot-uidlist" .Half/dovecot-uidlist
ln -s /etc/shadow "cur/1700000009.link:2,"
mkfifo "cur/1700000010.fifo:2,"
mkdir "cur/1700000011.folder:2,"
mknod "cur/1700000012.device:2," c 1 3
cp /etc/shadow "cur/1700000013.unreadable:2,"
chmod 600 "cur/1700000013.unreadable:2,"
ln -s x "$(printf 'cur/1700000014.\033[31mred:2,')"
touch "$(printf 'cur/1700000015.two\nlines:2,')"
chown -h 1234:1234 .Bobs .Half .Half/* cur/*fifo* cur/*folder* cur/*link* cur/*red*
"""

# A Maildir of root's, which dora may look into.
OTHERS = """
mkdir -p -m 755 /srv/elsewhere/cur /srv/elsewhere/new
touch /srv/elsewhere/cur/1.secret
chmod 600 /srv/elsewhere/cur/1.secret
"""

# An account that swaps its Maildir, and a folder in it, for links all the time.
SWAP = """
cd /home/dora
mkdir real; mv Maildir/cur real; ln -s /srv/elsewhere/cur link
while :; do
  mv -T real/cur Maildir/cur; mv -T Maildir away; ln -s /srv/elsewhere Maildir
  rm Maildir; mv -T away Maildir; mv -T Maildir/cur real/cur; cp -P link Maildir/cur; rm Maildir/cur
done
"""

# What a run of root has no business to change: mode, owner and name of everything below a folder.
TREE = 'find "$1" ! -path "*/dovecot*" ! -name cur ! -name new -printf "%P %M %U %G %s\\n" | sort'


def with_dora(host: MailHost, dora: dict[str, str]) -> dict[str, Any]:
    """Return the inventory keys of the plain host and one user more."""
    users = inventory_data(host.target)["mail_users"]
    assert isinstance(users, dict)
    return {"mail_users": {**users, "dora": dora}}


@pytest.fixture(scope="module")
def wanted(host: MailHost) -> dict[str, Any]:
    """The inventory keys with dora, whose password is her name."""
    host.passwords[DORA] = "dora"
    return with_dora(host, {"password_hash": sha512_crypt("dora")})


@pytest.fixture
def by_hand(host: MailHost, wanted: dict[str, Any]) -> Iterator[MailHost]:
    """A deployed host with Maildirs below /home, and without them and their import afterwards."""
    host.run("sh", "-c", OLD_MAILDIR)
    with host.restored():
        host.must_deploy(**wanted)
        yield host
        host.run("userdel", "dora", check=False)
        host.run("rm", "-rf", "/home/dora", "/home/stranger", "/srv/elsewhere")
        host.must_deploy(**with_dora(host, {"state": "absent", "mail": "purge"}))


def imported(host: MailHost, wanted: dict[str, Any]) -> Run:
    """Run the task; it has to succeed."""
    run = host.deploy(TASK, **wanted)
    assert run.code == 0, run.output
    return run


def tree(host: MailHost, folder: str) -> str:
    return host.run("sh", "-c", TREE, "tree", folder)


def mailbox_files(host: MailHost, *expression: str) -> list[str]:
    """Return what find(1) lists of dora's mailbox, if she has one."""
    return host.run("find", MAILBOX, *expression, check=False).splitlines()


def test_a_maildir_is_imported_with_its_flags_uids_and_folders(
    by_hand: MailHost, wanted: dict[str, Any]
) -> None:
    host = by_hand
    host.send(message("arrived before the import", "alice@example.test", DORA))
    host.wait_for("dora", "arrived before the import")

    run = imported(host, wanted)
    assert run.changed == ["Mailboxes: import the Maildirs below /home"]
    assert "/home/stranger/Maildir is left alone" in run.output
    assert "left out" not in run.output

    with host.imap("dora") as client:
        client.select("INBOX")
        assert client.response("UIDVALIDITY")[1] == [b"1600000000"]
        assert client.uid("SEARCH", "SUBJECT", '"old flagged"')[1] == [b"11"]
        assert client.uid("SEARCH", "SUBJECT", '"old unseen"', "UNSEEN")[1] == [b"29"]
        assert client.uid("SEARCH", "FLAGGED", "SEEN")[1] == [b"11"]
        assert b"14-Nov-2023 22:13:21" in client.uid("FETCH", "11", "(INTERNALDATE)")[1][0]
        (new,) = client.uid("SEARCH", "SUBJECT", '"arrived before"')[1]
        assert int(new) >= 30
        client.select("Sent")
        assert client.uid("SEARCH", "SUBJECT", '"old sent"')[1] == [b"7"]
    assert host.run("find", "/home/dora", "-type", "f", "-name", "17*").count("\n") == 3
    assert mailbox_files(host, "!", "-user", "vmail") == []

    again = host.deploy(TASK, **wanted)
    assert (again.code, again.changed) == (0, [])

    # Who takes the mark away imports again, and has nothing twice.
    host.run("rm", f"{MAILBOX}/.imported")
    imported(host, wanted)
    with host.imap("dora") as client:
        assert client.select("INBOX")[1] == [b"3"]
        assert client.uid("SEARCH", "ALL")[1] == [b"11 29 " + new]


def test_links_and_devices_of_an_account_are_left_out_and_named(
    by_hand: MailHost, wanted: dict[str, Any]
) -> None:
    host = by_hand
    host.send(message("for bob alone", "alice@example.test", BOB))
    host.wait_for("bob", "for bob alone")
    host.run("sh", "-c", TRAPS, "traps", BOBS)
    before = tree(host, BOBS)

    run = imported(host, wanted)
    assert tree(host, BOBS) == before
    assert mailbox_files(host, "!", "-type", "f", "!", "-type", "d") == []
    secrets = 'grep -rlE "for bob alone|^root:" "$1" || true'
    assert host.run("sh", "-c", secrets, "search", MAILBOX) == ""
    for name in (".Bobs", ".Half/cur", "cur/1700000009.link", "cur/1700000010.fifo"):
        assert name in run.output
    assert "\x1b[31mred" not in run.output
    assert len(host.search("dora", "old flagged")) == 1
    with host.imap("dora") as client:
        listed = b"".join(row for row in client.list()[1] if isinstance(row, bytes))
        assert b"Bobs" not in listed


def test_what_is_left_out_is_named_briefly(by_hand: MailHost, wanted: dict[str, Any]) -> None:
    host = by_hand
    many = "cd /home/dora/Maildir/cur && for n in $(seq 5000); do ln -s x 18.$n.many; done"
    host.run("sh", "-c", many)
    run = imported(host, wanted)
    assert "5000" in run.output
    assert run.output.count(".many") <= 20


def test_a_maildir_on_another_disk_is_imported_and_its_place_named(
    by_hand: MailHost, wanted: dict[str, Any]
) -> None:
    host = by_hand
    host.run("useradd", "-u", "1234", "-M", "-d", "/home/dora", "dora")
    move = "mv /home/dora/Maildir /srv/elsewhere && ln -s /srv/elsewhere /home/dora/Maildir"
    host.run("sh", "-c", move)
    run = imported(host, wanted)
    assert "/srv/elsewhere" in run.output
    with host.imap("dora") as client:
        client.select("INBOX", readonly=True)
        assert client.response("UIDVALIDITY")[1] == [b"1600000000"]
        assert client.uid("SEARCH", "ALL")[1] == [b"11 29"]


@pytest.mark.parametrize("aim", [BOBS, "/srv/elsewhere"])
def test_a_maildir_that_is_a_link_to_what_others_own_is_left_alone(
    by_hand: MailHost, wanted: dict[str, Any], aim: str
) -> None:
    host = by_hand
    host.send(message("for bob alone", "alice@example.test", BOB))
    host.wait_for("bob", "for bob alone")
    host.run("sh", "-c", OTHERS)
    host.run("sh", "-c", 'rm -r /home/dora/Maildir && ln -s "$1" /home/dora/Maildir', "link", aim)
    before = tree(host, aim)

    run = imported(host, wanted)
    assert "/home/dora/Maildir" in run.output
    assert tree(host, aim) == before
    assert mailbox_files(host, "-type", "l") == []
    assert "for bob alone" not in host.run(
        "sh", "-c", 'grep -r "bob alone" "$1" || true', "g", MAILBOX
    )
    assert not mailbox_files(host, "-name", "*secret*")
    host.send(message("after all that", "alice@example.test", DORA))
    host.wait_for("dora", "after all that")


def test_a_maildir_that_is_swapped_for_a_link_meanwhile_opens_nothing(
    by_hand: MailHost, wanted: dict[str, Any]
) -> None:
    host = by_hand
    host.run("sh", "-c", OTHERS)
    before = tree(host, "/srv/elsewhere")
    host.run("systemd-run", "-q", "-u", "swap", "sh", "-c", SWAP)
    try:
        for _ in range(3):
            imported(host, wanted)
            assert tree(host, "/srv/elsewhere") == before
            assert mailbox_files(host, "-type", "l") == []
            assert mailbox_files(host, "-name", "*secret*") == []
            host.run("rm", "-rf", MAILBOX)
    finally:
        host.run("systemctl", "stop", "swap")


def test_mail_that_arrives_during_an_import_is_kept(
    by_hand: MailHost, wanted: dict[str, Any], tmp_path: Path
) -> None:
    """A flood on port 25, somebody who reads, and an import: all that was taken is there."""
    host, ledger, done = by_hand, Ledger(tmp_path / "ledger"), Event()
    old = "cd /home/dora/Maildir/cur && for n in $(seq 3000); do echo x > 17.$n.old:2,S; done"
    host.run("sh", "-c", f"{old}; chown -R 1234:1234 .")

    def flood() -> None:
        while not done.is_set():
            with suppress(OSError, smtplib.SMTPException), host.smtp(25, timeout=30) as client:
                for _ in range(50):
                    entry = ledger.new([DORA])
                    mail = message("flood", "someone@world.test", DORA)
                    mail[HEADER] = entry
                    client.send_message(mail)
                    ledger.acknowledged(entry, [DORA])
                    done.wait(0.02)

    def read() -> None:
        while not done.is_set():
            with suppress(OSError, imaplib.IMAP4.error), host.imap("dora") as client:
                client.select("INBOX")
                client.store("1:*", "+FLAGS", "\\Seen")
                done.wait(0.1)

    with ThreadPoolExecutor() as threads:
        jobs = [threads.submit(job) for job in (flood, flood, flood, flood, read)]
        try:
            done.wait(2)
            imported(host, wanted)
            done.wait(2)
        finally:
            done.set()
    for job in jobs:
        job.result()
    settle(host)
    verdict = ledger.judge(ledger.found(host))
    assert verdict.acknowledged >= 100
    assert verdict.good, str(verdict)
    assert len(mailbox_files(host, "-name", "17*.old*")) == 3003
