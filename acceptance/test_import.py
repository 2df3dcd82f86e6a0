"""tasks/import_maildirs.py: the Maildirs of a host that was set up by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from acceptance.support.mailhost import MailHost
from tasks.password import sha512_crypt
from testbed.inventory import inventory_data
from testbed.messages import message

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
printf '3 V1600000000 N30 G0123456789abcdef0123456789abcdef\\n' > dovecot-uidlist
printf '11 :1700000001.M1P1.old\\n29 :1700000002.M2P2.old\\n' >> dovecot-uidlist
printf '3 V1600000001 N8 Gfedcba9876543210fedcba9876543210\\n7 :1700000003.M3P3.old\\n' \
  > .Sent/dovecot-uidlist
chmod -R go-rwx /home/dora
chown -R 1234:1234 /home/dora
mkdir -p /home/stranger/Maildir/cur
"""


def with_dora(host: MailHost, dora: dict[str, str]) -> dict[str, Any]:
    """Return the inventory keys of the plain host and one user more."""
    users = inventory_data(host.target)["mail_users"]
    assert isinstance(users, dict)
    return {"mail_users": {**users, "dora": dora}}


@pytest.fixture
def by_hand(host: MailHost) -> Iterator[MailHost]:
    """A host with Maildirs below /home, and without them and their import afterwards."""
    host.run("sh", "-c", OLD_MAILDIR)
    with host.restored():
        yield host
        host.run("rm", "-rf", "/home/dora", "/home/stranger")
        host.must_deploy(**with_dora(host, {"state": "absent", "mail": "purge"}))


def test_a_maildir_is_imported_with_its_flags_uids_and_folders(by_hand: MailHost) -> None:
    host = by_hand
    data = with_dora(host, {"password_hash": sha512_crypt("dora")})
    host.passwords["dora@example.test"] = "dora"
    host.must_deploy(**data)
    host.send(message("arrived before the import", "alice@example.test", "dora@example.test"))
    host.wait_for("dora", "arrived before the import")

    run = host.deploy("tasks/import_maildirs.py", **data)
    assert run.code == 0, run.output
    assert run.changed == ["Mailboxes: import the Maildirs below /home"]
    assert "/home/stranger/Maildir is left alone" in run.output

    with host.imap("dora") as client:
        client.select("INBOX")
        assert client.response("UIDVALIDITY")[1] == [b"1600000000"]
        assert client.uid("SEARCH", "SUBJECT", '"old flagged"')[1] == [b"11"]
        assert client.uid("SEARCH", "SUBJECT", '"old unseen"', "UNSEEN")[1] == [b"29"]
        assert client.uid("SEARCH", "FLAGGED", "SEEN")[1] == [b"11"]
        (new,) = client.uid("SEARCH", "SUBJECT", '"arrived before"')[1]
        assert int(new) >= 30
        client.select("Sent")
        assert client.uid("SEARCH", "SUBJECT", '"old sent"')[1] == [b"7"]
    assert host.run("find", "/home/dora", "-type", "f", "-name", "17*").count("\n") == 3
    assert host.run("find", "/var/vmail/example.test/dora", "!", "-user", "vmail") == ""

    again = host.deploy("tasks/import_maildirs.py", **data)
    assert (again.code, again.changed) == (0, [])
