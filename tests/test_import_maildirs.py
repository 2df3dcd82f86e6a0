"""remote/mailboxes: what a copy of a Maildir becomes in one that mail arrives in."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest
from mailboxes import copy_maildirs, join_maildir

OLD_UIDS = "3 V1600000000 N30 G0123\n11 :1.old\n"


def maildir(path: Path, files: dict[str, str]) -> Path:
    """Make a Maildir with these files, by their path in it."""
    for name in ("cur", "new", "tmp"):
        (path / name).mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text)
    return path


def files(path: Path) -> dict[str, str]:
    return {
        str(each.relative_to(path)): each.read_text()
        for each in path.rglob("*.*")
        if each.is_file()
    }


def joined(copy: Path, live: Path) -> dict[str, str]:
    join_maildir.join(copy, live)
    assert not copy.exists()
    return files(live)


def test_a_copy_joins_what_has_arrived(tmp_path: Path) -> None:
    copy = maildir(tmp_path / "copy", {"cur/1.old:2,S": "old", ".Sent/new/2.old": "sent"})
    live = maildir(tmp_path / "live", {"new/3.live": "live"})
    assert joined(copy, live) == {
        "cur/1.old:2,S": "old",
        ".Sent/new/2.old": "sent",
        "new/3.live": "live",
    }


def test_a_message_that_is_there_stays_as_it_is_and_is_not_there_twice(tmp_path: Path) -> None:
    copy = maildir(tmp_path / "copy", {"new/1.old": "old", "cur/2.old:2,S": "old"})
    live = maildir(tmp_path / "live", {"cur/1.old:2,FS": "old", "cur/2.old:2,": "another"})
    found = joined(copy, live)
    assert found.pop("cur/1.old:2,FS") == "old"
    assert found.pop("cur/2.old:2,") == "another"
    ((name, text),) = found.items()
    assert name.startswith("cur/2.old.")
    assert name.endswith(":2,S")
    assert text == "old"


def test_old_uids_replace_those_of_new_mail_and_the_indexes_go(tmp_path: Path) -> None:
    copy = maildir(tmp_path / "copy", {"dovecot-uidlist": OLD_UIDS, "dovecot-keywords": "0 old\n"})
    live = {"dovecot-uidlist": "3 V17 N2\n", "dovecot.index": "", "dovecot.list.index.log": ""}
    join_maildir.join(copy, maildir(tmp_path / "live", live))
    assert {each.name for each in (tmp_path / "live").iterdir() if each.is_file()} == {
        "dovecot-uidlist",
        "dovecot-keywords",
    }
    assert (tmp_path / "live/dovecot-uidlist").read_text() == OLD_UIDS


def test_uids_that_are_in_place_are_not_put_back(tmp_path: Path) -> None:
    later = "3 V1600000000 N31 G0123\n11 :1.old\n30 :3.live\n"
    copy = maildir(tmp_path / "copy", {"dovecot-uidlist": OLD_UIDS})
    live = maildir(tmp_path / "live", {"dovecot-uidlist": later, "dovecot.index": "x"})
    join_maildir.join(copy, live)
    assert (live / "dovecot-uidlist").read_text() == later
    assert (live / "dovecot.index").exists()


def test_a_join_that_was_cut_off_is_taken_up(tmp_path: Path) -> None:
    messages = {f"cur/{number}.old:2,S": str(number) for number in range(3)}
    copy, live = maildir(tmp_path / "copy", messages), maildir(tmp_path / "live", {})
    (copy / "cur/0.old:2,S").rename(live / "cur/0.old:2,S")
    os.link(copy / "cur/1.old:2,S", live / "cur/1.old:2,S")
    assert joined(copy, live) == messages


def test_a_lock_of_dovecots_is_waited_for_and_an_old_one_removed(tmp_path: Path) -> None:
    lock = tmp_path / "dovecot-uidlist.lock"
    lock.write_text("1:elsewhere")
    os.utime(lock, (0, 0))
    with join_maildir.locked(tmp_path):
        assert lock.read_text() != "1:elsewhere"
    assert not lock.exists()


@pytest.mark.parametrize(
    ("header", "validity"),
    [("3 V1600000000 N30 G01", "1600000000"), ("1 1600000000 30", "1600000000"), ("", None)],
)
def test_the_uidvalidity_of_both_formats(tmp_path: Path, header: str, validity: str | None) -> None:
    (tmp_path / "dovecot-uidlist").write_text(header + "\n")
    assert join_maildir.uid_validity(tmp_path / "dovecot-uidlist") == validity
    assert join_maildir.uid_validity(tmp_path / "missing") is None


def test_nothing_is_read_with_the_rights_of_root_or_vmail() -> None:
    daemon = pwd.getpwnam("daemon").pw_uid
    assert copy_maildirs.reader("daemon", copy_maildirs.Identity(5000, 5000)).uid == daemon
    for name, vmail in (("root", 5000), ("daemon", daemon)):
        with pytest.raises(copy_maildirs.LeftAlone):
            copy_maildirs.reader(name, copy_maildirs.Identity(vmail, vmail))


def test_no_link_is_followed_on_the_way_to_a_folder(tmp_path: Path) -> None:
    (tmp_path / "real/cur").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    place = os.path.realpath(tmp_path)
    folder = copy_maildirs.opened(f"{place}/real/cur")
    assert os.fstat(folder).st_ino == (tmp_path / "real/cur").stat().st_ino
    os.close(folder)
    for path in ("link", "link/cur"):
        with pytest.raises(NotADirectoryError):
            copy_maildirs.opened(f"{place}/{path}")


def test_what_accounts_call_their_files_controls_no_terminal() -> None:
    assert copy_maildirs.printable("a\x1b[31mb\n\udcff ü") == "a?[31mb?? ü"
