"""operations/configuration.py: what differs, what is staged, what is started or reloaded."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import tarfile

import jinja2
import pytest

from facts.configuration import FileState, ManagedFiles, parse_file_states
from facts.services import Services, ServiceState
from layout import KEPT
from operations.activation import activation
from operations.configuration import apply
from operations.transaction import bundle
from services import postfix
from services.configuration import Configuration, WantedFile, watched
from services.dovecot import DOVECOT
from services.opendkim import OPENDKIM
from services.postfix import POSTFIX, TABLES
from services.service import RELOAD, File, Service
from tests.fake import commands
from tests.inventory import settings
from tests.plan import texts, vps
from wanted.rendering import render

FILE = WantedFile("/etc/x/users", "alice\n", group="dovecot", mode="640")
IN_PLACE = FileState(hashlib.sha256(b"alice\n").hexdigest(), "root", "dovecot", "640")
SERVICE = Service(
    "dovecot",
    files=(File(FILE.path, RELOAD, lambda *_: "alice\n"),),
    check="doveconf -n || fail no",
)
RUNS = ServiceState("dovecot.service", enabled=True, active=True, pid=7, action="")


@pytest.mark.parametrize(
    ("state", "in_place"),
    [
        (IN_PLACE, True),
        (None, False),
        (FileState("0" * 64, "root", "dovecot", "640"), False),
        (FileState(IN_PLACE.sha256, "root", "dovecot", "644"), False),
        (FileState(IN_PLACE.sha256, "nobody", "dovecot", "640"), False),
    ],
)
def test_a_file_is_in_place_when_content_owner_and_mode_are(
    state: FileState | None, in_place: bool
) -> None:
    assert FILE.is_in_place(state) is in_place


def test_an_unwanted_file_is_in_place_when_absent() -> None:
    assert WantedFile("/x", None).is_in_place(None)
    assert not WantedFile("/x", None).is_in_place(IN_PLACE)


def test_the_bundle_carries_owner_and_mode() -> None:
    data = base64.b64decode(bundle([FILE]))
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        (entry,) = archive.getmembers()
        content = archive.extractfile(entry)
        assert content is not None
        assert content.read() == b"alice\n"
    assert (entry.name, entry.uname, entry.gname, entry.mode) == (
        "etc/x/users",
        "root",
        "dovecot",
        0o640,
    )


def test_rendering_refuses_a_missing_value() -> None:
    with pytest.raises(jinja2.UndefinedError, match="'own_results' is undefined"):
        render("postfix/header_checks.j2")


def test_activation_starts_in_order_and_enables() -> None:
    states = {
        "opendkim": ServiceState("opendkim.service", True, True, 1, ""),
        "postfix": ServiceState("postfix@-.service", False, True, 2, "reload"),
    }
    assert activation(states, watched([OPENDKIM, DOVECOT, POSTFIX])) == [
        ("enable", "dovecot", "dovecot.service"),
        ("start", "dovecot", "dovecot.service"),
        ("enable", "postfix", "postfix@-.service"),
        ("reload", "postfix", "postfix@-.service"),
    ]


def applied(state: dict[str, FileState], service: ServiceState) -> tuple[list[str], list[str]]:
    return commands(
        apply,
        {ManagedFiles: state, Services: {"dovecot": service}},
        configurations=[Configuration(SERVICE, True, (FILE,), (("pop3", "995"),))],
    )


def test_nothing_to_do() -> None:
    assert applied({FILE.path: IN_PLACE}, RUNS) == (
        [],
        ["every service runs the wanted configuration"],
    )


def test_a_changed_file_is_checked_and_kept_before_it_is_moved() -> None:
    (replace, _), _ = applied({}, RUNS)
    check, keep, move = 'eval "$checks"', 'keep "$path"', 'replace "$path"'
    assert replace.index("base64 -d") < replace.index(check)
    assert replace.index(check) < replace.index(keep) < replace.index(move)
    assert replace.endswith(f" mailhost {KEPT} '(doveconf -n || fail no\n)' /etc/x/users")
    assert re.findall(r'find "\$stage(.*?)" .* touch', replace) == ["/etc/postfix"]
    assert "alice" not in replace


def test_only_the_checkers_of_what_changes_are_asked() -> None:
    keys = WantedFile("/etc/x/keys", "k\n")
    other = Configuration(Service("opendkim", check="opendkim -n"), True, (keys,))
    same = Configuration(SERVICE, True, (FILE,))
    (replace, _), _ = commands(
        apply,
        {ManagedFiles: {FILE.path: IN_PLACE}, Services: {"dovecot": RUNS}},
        configurations=[same, other],
    )
    assert "opendkim -n" in replace
    assert "doveconf -n" not in replace


def test_a_service_without_a_checker_is_not_asked() -> None:
    silent = Configuration(Service("journald"), True, (WantedFile("/etc/x/journal", "j\n"),))
    (replace, _), _ = commands(
        apply, {ManagedFiles: {}, Services: {"dovecot": RUNS}}, configurations=[silent]
    )
    assert replace.endswith(f" mailhost {KEPT} '' /etc/x/journal")


def test_the_checker_of_a_service_that_is_switched_off_is_not_asked() -> None:
    gone = WantedFile(FILE.path, None)
    (replace, _), _ = commands(
        apply,
        {ManagedFiles: {FILE.path: IN_PLACE}, Services: {"dovecot": RUNS}},
        configurations=[Configuration(SERVICE, False, (gone,))],
    )
    assert replace.endswith(f" '' {FILE.path}")


def test_what_was_replaced_is_asked_even_where_no_service_reads_it() -> None:
    (_, activate), _ = applied({}, RUNS)
    assert "step=" not in activate.splitlines()[-1]
    assert "'dovecot dovecot.service runs dovecot.service" in activate
    assert "dovecot dovecot.service pop3 995'" in activate


def test_a_change_that_a_cut_run_did_not_confirm_is_asked() -> None:
    folder = FileState("-", "root", "root", "700")
    (activate,), _ = applied({FILE.path: IN_PLACE, KEPT: folder}, RUNS)
    assert "dovecot dovecot.service pop3 995'" in activate


def test_a_reload_that_a_cut_run_did_not_reach_is_made_good() -> None:
    stale = ServiceState("dovecot.service", True, True, 7, "reload")
    (activate,), _ = applied({FILE.path: IN_PLACE}, stale)
    step = " 'step=reload dovecot dovecot.service' 'back=dovecot dovecot.service "
    assert step in activate


def test_file_states_are_parsed_and_paths_may_have_blanks() -> None:
    lines = [
        "stat root root 644 100 200 /etc/a b",
        "stat root root 755 300 300 /etc/folder",
        "abc  /etc/a b",
    ]
    states = parse_file_states(lines)
    assert (states["/etc/a b"].modified, states["/etc/a b"].changed) == (100, 200)
    assert states == {
        "/etc/a b": FileState("abc", "root", "root", "644"),
        "/etc/folder": FileState("-", "root", "root", "755"),
    }


@pytest.mark.parametrize("table", ["header_checks", "submission_header_checks"])
@pytest.mark.parametrize("release", ["12", "13"])
def test_header_checks_are_rules_or_comments(table: str, release: str) -> None:
    text = texts(settings(), vps(release))[f"{TABLES}/{table}"] or ""
    assert all(line[0] in "#/ " for line in text.splitlines())
    assert f"/{postfix._own_results(settings())}/ IGNORE\n" in text
