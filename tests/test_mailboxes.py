"""facts/mailboxes.py and operations/mailboxes.py: the mail of removed users."""

from __future__ import annotations

import os
import subprocess
import tarfile
from pathlib import Path

from facts.mailboxes import Mailboxes, MailboxFolders, parse_mailbox_folders
from operations import mailboxes
from operations.scripts import shell
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


def test_the_mail_of_a_user_who_vanished_stays() -> None:
    folders = MailboxFolders(present=frozenset({"bob@example.org"}))
    assert retired(folders, {}) == []
    assert mailboxes.orphans(folders.present, ["alice@example.org"], {}) == ["bob@example.org"]


def test_an_archiving_that_was_cut_off_is_finished() -> None:
    folders = MailboxFolders(retiring=frozenset({"archive:bob@example.org-20261124T113000Z"}))
    (command,) = retired(folders, {})
    assert command.endswith(" mailhost /var/vmail")


def test_the_script_archives_purges_and_takes_up_what_was_cut_off(tmp_path: Path) -> None:
    root, programs = tmp_path / "vmail", tmp_path / "bin"
    programs.mkdir()
    (programs / "doveadm").write_text("#!/bin/sh\nexit 68\n")  # nobody is logged in
    (programs / "doveadm").chmod(0o755)
    cut_off = ".retiring/archive:dave@example.org-20261124T113000Z"
    for folder in ("example.org/alice", "example.org/bob", "example.org/carol", cut_off):
        (root / folder).mkdir(parents=True)
        (root / folder / "mail").write_text(folder)
    requests = ["archive:bob@example.org", "purge:carol@example.org", "purge:gone@example.org"]
    subprocess.run(
        ["sh", "-c", shell("mailboxes/retire.sh"), "test", str(root), *requests],
        env={"PATH": f"{programs}:{os.environ['PATH']}"},
        check=True,
    )
    assert [path.name for path in (root / "example.org").iterdir()] == ["alice"]
    assert not list((root / ".retiring").iterdir())
    archives = sorted((root / ".archive").iterdir())
    assert [path.name.partition("-")[0] for path in archives] == [
        "bob@example.org",
        "dave@example.org",
    ]
    with tarfile.open(archives[0]) as archive:
        (name,) = [member.name for member in archive if member.isfile()]
        content = archive.extractfile(name)
        assert content is not None
        assert content.read() == b"example.org/bob"
