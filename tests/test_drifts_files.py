"""tasks/drifts/files.py: which differences of files are drifts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from facts.configuration import FileState
from layout import PEM
from services.configuration import WantedFile
from tasks.drifts import files, judge
from tasks.drifts.files import difference
from tasks.drifts.judge import Seen
from tasks.drifts.report import Report, Row, as_table
from tests.drifting import AT, CONFIGURATIONS, LATER, NOW, SETTINGS, deployed, drift, when
from tests.inventory import HASH


def with_state(path: str, **changes: Any) -> Seen:
    seen = deployed()
    states = dict(seen.states)
    states[path] = replace(states[path], **changes)
    return replace(seen, states=states)


@pytest.mark.parametrize(
    ("path", "wanted", "changes"),
    [
        ("/etc/postfix/main.cf", "root:root 644", {"mode": "666"}),
        ("/etc/dovecot/users", "root:dovecot 640", {"mode": "644"}),
        ("/etc/dkimkeys/second.org/default.private", "opendkim:opendkim 600", {"owner": "root"}),
        ("/etc/dkimkeys", "opendkim:opendkim 700", {"mode": "777"}),
        (PEM, "root:root 600", {"group": "ssl-cert", "mode": "640"}),
        ("/etc/postfix", "writable by root only", {"mode": "775"}),
    ],
)
def test_owners_and_modes(path: str, wanted: str, changes: dict[str, str]) -> None:
    seen = with_state(path, **changes)
    (row,) = drift(seen)
    assert (row.what, row.wanted) == (path, wanted)
    assert row.found == files.access(seen.states[path])
    assert row.since == when(LATER)


def test_a_hand_edit_is_one_row_although_the_service_has_not_read_it() -> None:
    path = "/etc/postfix/main.cf"
    text = next(
        file.content or "" for each in CONFIGURATIONS for file in each.files if file.path == path
    )
    seen = with_state(path, sha256="0")
    assert judge.readable(CONFIGURATIONS, seen.states) == [path]
    seen = replace(
        seen,
        texts={path: text.replace("biff = no", "biff = yes")},
        units={**seen.units, "postfix": replace(seen.units["postfix"], action="reload")},
    )
    assert drift(seen) == [Row(path, "biff = no", "biff = yes", when(AT))]


def test_files_that_are_missing_or_left_over() -> None:
    seen = deployed()
    states = dict(seen.states)
    gone = ["/etc/opendkim/tables/keys", "/etc/dkimkeys/example.org/default.private"]
    for path in gone:
        del states[path]
    states["/etc/.mailhost.x"] = states["/etc/postfix/tables/relay_login"] = FileState(
        "0", "root", "root", "644", AT, AT
    )
    assert {(row.what, row.found) for row in drift(replace(seen, states=states))} == {
        *((path, "no such file") for path in gone),
        ("/etc/.mailhost.x", "left by a run that was cut off"),
        ("/etc/postfix/tables/relay_login", "a file"),
    }


def test_of_a_passwd_file_only_names_are_shown() -> None:
    path = "/etc/dovecot/users"
    changed = with_state(path, sha256="0")
    assert judge.readable(CONFIGURATIONS, changed.states) == []
    assert [row.found for row in drift(changed)] == ["changed (secret, not shown)"]
    names = ("eve@example.org", *list(SETTINGS.users)[1:])
    seen = replace(changed, live=replace(changed.live, logins={path: names}))
    assert drift(seen) == [
        Row("login eve@example.org", "none", f"a line in {path}", when(AT)),
        Row("login alice@example.org", f"a line in {path}", "none", when(AT)),
    ]
    assert HASH not in as_table(Report("x", NOW, drift(seen)))


@pytest.mark.parametrize(
    ("wanted", "found", "shown"),
    [
        ("a = 1\nb = 2\n", "a = 1\nb = 3\n", ("b = 2", "b = 3")),
        ("a = 1\nb = 2\n", "a = 1\n", ("b = 2", "no such line")),
        ("a = 1\n", "a = 1\nb = 3\nc = 4\n", ("no such line", "b = 3 (and 1 more line)")),
        ("a = 1\n", "a = 1\n\n", ("no such line", "an empty line")),
        ("a = 1\n", "a = 1", ("its content", "other blanks or line ends")),
        (
            "a\n",
            "a\nsmtp_password = hunter2\n",
            ("no such line", "smtp_password (not shown, it may hold a secret)"),
        ),
        (
            "a\n",
            "a\nmaps = inline:{ x = me@x:hunter2 }\n",
            ("no such line", "maps (not shown, it may hold a secret)"),
        ),
        ("a\n", "a\n$6$salt$hash\n", ("no such line", "a line (not shown, it may hold a secret)")),
    ],
)
def test_differences(wanted: str, found: str, shown: tuple[str, str]) -> None:
    assert difference(wanted, found) == shown


def test_what_the_host_learned_is_no_drift() -> None:
    learned = WantedFile("/x", "a\n", learned=True)
    state = {"/x": FileState("0", "root", "root", "666")}
    assert files.changed([learned], state) == []
    assert list(files.content([learned], state, {}, {})) == []
    assert [row.found for row in files.owners([learned], [], state)] == ["root:root 666"]
