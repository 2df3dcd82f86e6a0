"""facts/mailboxes.py and operations/mailboxes.py: the mail of users who are no more."""

from __future__ import annotations

from facts.mailboxes import Mailboxes, MailboxFolders, parse_mailbox_folders
from operations import mailboxes
from tests.fake import commands


def test_folders_are_parsed() -> None:
    lines = ["present example.org/alice", "retiring archive:bob@example.org-20261124T113000Z"]
    assert parse_mailbox_folders(lines) == MailboxFolders(
        frozenset({"alice@example.org"}),
        frozenset({"archive:bob@example.org-20261124T113000Z"}),
    )


def retired(folders: MailboxFolders, removed: dict[str, str]) -> list[str]:
    arguments = {"users": ["alice@example.org"], "removed": removed}
    return commands(mailboxes.retire, {Mailboxes: folders}, **arguments)[0]


def test_only_removed_users_with_mail_are_retired() -> None:
    folders = MailboxFolders(present=frozenset({"alice@example.org", "bob@example.org"}))
    removed = {"bob@example.org": "archive", "carol@example.org": "purge"}
    (command,) = retired(folders, removed)
    assert command.endswith(" mailhost /var/vmail archive:bob@example.org")


def test_a_user_who_vanished_keeps_his_mail() -> None:
    folders = MailboxFolders(present=frozenset({"bob@example.org"}))
    assert retired(folders, {}) == []
    assert mailboxes.orphans(folders.present, ["alice@example.org"], {}) == ["bob@example.org"]


def test_an_archiving_that_was_cut_off_is_finished() -> None:
    folders = MailboxFolders(retiring=frozenset({"archive:bob@example.org-20261124T113000Z"}))
    (command,) = retired(folders, {})
    assert command.endswith(" mailhost /var/vmail")
