"""remote/limits: what is counted, what is refused, and until when."""

from __future__ import annotations

import json
import socket
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from limits.counts import Counts
from limits.message import Message, Refusal, fits_at
from limits.notice import notice
from limits.plan import DAY, HOUR, LIMITS, Plan, daily_cap, is_remote
from limits.policy import TRY_AGAIN, attributes
from limits.storage import REMEMBERED

import services.limits
from layout import LIBRARY
from settings.parsing import parse
from tests.inventory import data, settings
from tests.plan import texts, wanted

NOW = 1_800_000_000 - 1_800_000_000 % 60
ALICE = "alice@example.org"
PLAN, PROGRAM = services.limits.PLAN.lstrip("/"), services.limits.PROGRAM.lstrip("/")


def counts(folder: Path, warmup: Any = None, **limits: int) -> Counts:
    plan = Plan(limits, warmup, ["example.org"], "root@example.org", "")
    return Counts(str(folder / "counts.sqlite"), plan)


def message(*remote: str, login: str = ALICE, recipients: int = 0) -> Message:
    return Message(login, recipients or len(remote) or 1, frozenset(remote))


def refused(counts: Counts, submitted: Message, now: int = NOW) -> str:
    refusal = counts.take(submitted, now)
    return refusal.limit if refusal else ""


@pytest.mark.parametrize(
    ("rows", "more", "most", "expected"),
    [
        ([], 2, 1, None),
        ([(NOW, 2)], 1, 2, NOW + 60 + HOUR),
        ([(NOW, 1), (NOW + 60, 1)], 1, 2, NOW + 60 + HOUR),
        ([(NOW, 1), (NOW + 60, 1)], 2, 2, NOW + 120 + HOUR),
        ([(NOW, 1)], 3, 2, None),
    ],
)
def test_when_more_fit(
    rows: list[tuple[int, int]], more: int, most: int, expected: int | None
) -> None:
    assert fits_at(rows, more, most, HOUR) == expected


def test_the_day_and_minute_that_are_told_are_the_first_that_fit(tmp_path: Path) -> None:
    login = counts(tmp_path, messages_hour=1)
    assert login.take(message(), NOW + 59) is None
    refusal = login.take(message(), NOW + 70)
    assert refusal
    assert refusal.fits_at == NOW + 60 + HOUR
    assert refused(login, message(), refusal.fits_at - 1)
    assert not refused(login, message(), refusal.fits_at)


@pytest.mark.parametrize("name", LIMITS)
def test_each_limit_refuses_by_its_name_and_lets_go(tmp_path: Path, name: str) -> None:
    login = counts(tmp_path, **{name: 2})
    assert not refused(login, message("a@x.net"))
    assert not refused(login, message("b@x.net"))
    _, seconds, words = LIMITS[name]
    assert refused(login, message("c@x.net"), NOW + 60) == f"{ALICE} may send 2 {words}"
    assert not refused(login, message("c@x.net", login="bob@example.org"), NOW + 60)
    assert not refused(login, message("c@x.net"), NOW + 60 + seconds)


def test_what_is_refused_is_not_counted(tmp_path: Path) -> None:
    login = counts(tmp_path, messages_hour=1, recipients_day=100, new_recipients_day=100)
    assert not refused(login, message("a@x.net"))
    for number in range(200):
        assert "messages an hour" in refused(login, message(f"{number}@x.net"), NOW + 1)
    assert not refused(login, message("b@x.net"), NOW + HOUR + 60)


def test_recipients_are_new_once_and_only_on_other_hosts(tmp_path: Path) -> None:
    login = counts(tmp_path, new_recipients_day=2)
    assert not refused(login, message("a@x.net", "b@x.net"))
    assert not refused(login, message("a@x.net", "b@x.net", recipients=50), NOW + 5)
    assert refused(login, message("a@x.net", "c@x.net"), NOW + 5)
    assert not refused(login, message(recipients=500), NOW + 5)
    later = NOW + (REMEMBERED + 1) * DAY
    assert not refused(login, message("b@x.net"), later - 2 * DAY)
    assert not refused(login, message("c@x.net", "d@x.net"), later)
    assert refused(login, message("a@x.net"), later), "forgotten after so long"
    assert not refused(login, message("b@x.net"), later), "written to in the meantime"


def test_a_message_that_never_fits_says_so(tmp_path: Path) -> None:
    refusal = counts(tmp_path, recipients_hour=2).take(message(recipients=3), NOW)
    assert refusal
    assert refusal.text.endswith("this message alone has more, send it to fewer")


def test_of_two_limits_the_longer_one_is_told(tmp_path: Path) -> None:
    login = counts(tmp_path, messages_hour=1, messages_day=1)
    assert not refused(login, message())
    assert "a day" in refused(login, message())


def test_the_owner_is_told_once_a_day_of_each_login(tmp_path: Path) -> None:
    logins = counts(tmp_path, messages_day=1)
    firsts = []
    for now in (NOW, NOW + 1, NOW + 2, NOW + DAY + 60, NOW + DAY + 120):
        for login in (ALICE, "bob@example.org"):
            refusal = logins.take(message(login=login), now)
            firsts.append(refusal and refusal.first)
            if refusal and refusal.first:
                logins.told(login, now, done=True)
    assert firsts == [None, None, True, True, False, False, None, None, True, True]


def test_the_owner_is_told_again_where_that_failed(tmp_path: Path) -> None:
    process = counts(tmp_path, messages_day=1)
    process.take(message(), NOW)

    def first(process: Counts) -> bool:
        refusal = process.take(message(), NOW)
        return refusal is not None and refusal.first

    assert [first(process), first(process)] == [True, False], "being told"
    process.told(ALICE, NOW, done=False)
    assert first(process)
    assert first(counts(tmp_path, messages_day=1)), "the process ended meanwhile"


WARMUP = {"start": "2027-01-15", "first_day": 50, "double_every": 3}


@pytest.mark.parametrize(
    ("day", "cap"),
    [(1, 50), (15, 50), (17, 50), (18, 100), (21, 200), (30, 1600), (31, 1600), (40, 12800)],
)
def test_the_plan_of_the_warmup(day: int, cap: int) -> None:
    today = date.fromordinal(date(2027, 1, 1).toordinal() + day - 1)
    assert daily_cap(WARMUP, today) == (cap if cap < 10000 else None)


def test_the_warmup_caps_what_all_logins_send_to_other_hosts(tmp_path: Path) -> None:
    start = date.fromtimestamp(NOW).isoformat()
    host = counts(tmp_path, {"start": start, "first_day": 3, "double_every": 1})
    assert not refused(host, message("a@x.net", "b@x.net"))
    assert not refused(host, message("a@x.net", login="bob@example.org"))
    assert "this host may send to 3 recipients" in refused(host, message("a@x.net"), NOW + 1)
    assert not refused(host, message(recipients=100), NOW + 1), "it stays here"
    assert not refused(host, message("a@x.net"), NOW + DAY), "twice as many on the second day"


def test_the_counts_outlive_the_process_and_are_shared(tmp_path: Path) -> None:
    first, second = (counts(tmp_path, messages_day=100) for _ in range(2))
    results: list[str] = []

    def send(process: Counts) -> None:
        results.extend(refused(process, message()) for _ in range(30))

    threads = [threading.Thread(target=send, args=(each,)) for each in (first, second) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (results.count(""), len(results)) == (100, 120)
    assert refused(counts(tmp_path, messages_day=100), message())


def test_several_may_open_a_new_file_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        for number in range(200):
            folder = tmp_path / str(number)
            folder.mkdir()
            begin = threading.Barrier(8)

            def send(process: Counts, begin: threading.Barrier = begin) -> str:
                begin.wait()
                return refused(process, message())

            results = pool.map(send, [counts(folder, messages_day=5) for _ in range(8)])
            assert list(results).count("") == 5


def test_old_rows_go(tmp_path: Path) -> None:
    login = counts(tmp_path, messages_day=100)
    for day in range(3):
        assert not refused(login, message(f"{day}@x.net"), NOW + day * DAY)
    db = sqlite3.connect(tmp_path / "counts.sqlite")
    (rows,) = db.execute("SELECT count(*) FROM sent").fetchone()
    assert rows == 2


def test_a_broken_file_is_put_aside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "counts.sqlite").write_bytes(b"no database " * 500)
    assert not refused(counts(tmp_path, messages_day=1), message())
    assert "put aside" in capsys.readouterr().err
    assert (tmp_path / "counts.sqlite.broken").exists()


def test_what_cannot_be_written_is_an_error_and_then_tried_again(tmp_path: Path) -> None:
    folder = tmp_path / "later"
    login = counts(folder, messages_day=1)
    with pytest.raises(sqlite3.OperationalError):
        login.take(message(), NOW)
    folder.mkdir()
    assert not refused(login, message())


def test_the_attributes_of_a_request() -> None:
    request = b"request=smtpd_access_policy\nsasl_username=a=b\nsender=\n\n"
    expected = {"request": "smtpd_access_policy", "sasl_username": "a=b", "sender": ""}
    assert attributes(request) == expected


def test_the_notice_names_login_limit_and_time() -> None:
    plan = Plan(**services.limits.plan(settings()))
    text = notice(plan, ALICE, Refusal("limit", NOW), NOW)
    assert text.isascii()
    assert f"Subject: {ALICE} has reached its sending limit\n" in text
    assert "    limit: try again after 2027-01-15 08:00 UTC\n" in text


@pytest.mark.parametrize(("address", "remote"), [("a@example.org", False), ("a@x.org", True)])
def test_what_is_remote(address: str, remote: bool) -> None:
    assert is_remote(address, ["example.org"]) is remote


# ---- the program -------------------------------------------------------------------------------


@pytest.fixture
def deployed(tmp_path: Path) -> Path:
    """The files of the service below a folder, as they would be on a host."""
    for file in wanted(settings(mail_limits={"messages_hour": 1}))[services.limits.NAME].files:
        if file.content is not None:
            path = tmp_path / file.path.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.content)
    return tmp_path


def started(
    root: Path, *arguments: str, listening: socket.socket | None = None, **environment: str
) -> subprocess.Popen[str]:
    """Start the program as its unit does; systemd passes the socket as descriptor 3."""
    command = [sys.executable, *services.limits.PYTHON.split()[1:], *arguments, str(root / PLAN)]
    return subprocess.Popen(
        ["sh", "-c", 'exec "$@" 3<&0', "sh", *command],
        cwd=root / LIBRARY.lstrip("/"),
        env=environment,
        stdin=listening.fileno() if listening else subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_unit_runs_what_is_deployed(deployed: Path) -> None:
    unit = (deployed / "etc/systemd/system/mailhost-limits.service").read_text()
    assert f"\nWorkingDirectory={LIBRARY}\nExecStart=/usr/bin/{services.limits.PYTHON} " in unit
    sent = {path.name for path in (deployed / PROGRAM).iterdir()}
    assert sent == {path.name for path in Path("remote/limits").glob("*.py")}
    assert "__main__.py" in sent


def test_the_single_file_of_earlier_versions_is_removed() -> None:
    found = texts(settings(mail_limits={"messages_hour": 1}))
    assert found["/usr/local/lib/mailhost/limits.py"] is None


def test_the_deployed_program_answers_postfix_and_ends_by_sigterm(deployed: Path) -> None:
    database = deployed / "counts.sqlite"
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as postfix:
        listening.bind(str(deployed / "socket"))
        listening.listen()
        postfix.settimeout(30)
        postfix.connect(str(deployed / "socket"))
        process = started(deployed, str(database), listening=listening)

        def ask(instance: int, state: str) -> str:
            request = f"instance={instance}\nprotocol_state={state}\nsasl_username={ALICE}\n"
            postfix.sendall(f"{request}recipient=bob@x.net\nrecipient_count=1\n\n".encode())
            return postfix.recv(1000).decode()

        assert [ask(1, "RCPT"), ask(1, "DATA")] == ["action=DUNNO\n\n"] * 2
        assert ask(2, "DATA") == f"action={TRY_AGAIN}\n\n", "its recipients were named before"
        process.terminate()
        assert (process.communicate(timeout=30)[1], process.returncode) == ("", 0)
    sent = sqlite3.connect(database).execute("SELECT login, messages, new FROM sent").fetchall()
    assert sent == [(ALICE, 1, 1)]


def test_the_program_imports_nothing_of_the_environment(deployed: Path) -> None:
    evil = deployed / "evil"
    evil.mkdir()
    for name in ("json", "socket", "limits", "sitecustomize"):
        (evil / f"{name}.py").write_text("raise SystemExit('taken over')")
    process = started(
        deployed, "--check", PYTHONPATH=str(evil), PYTHONSTARTUP=str(evil / "json.py")
    )
    assert (process.communicate(timeout=30)[1], process.returncode) == ("", 0)
    assert not list(deployed.rglob("__pycache__"))


def test_a_plan_that_cannot_be_read_is_refused(deployed: Path) -> None:
    (deployed / PLAN).write_text("{}")
    process = started(deployed, "--check")
    assert "TypeError" in process.communicate(timeout=30)[1]
    assert process.returncode == 1


# ---- settings ----------------------------------------------------------------------------------


def test_the_plan_is_what_the_service_reads() -> None:
    host_settings = settings(mail_warmup={"start": "2026-12-01"}, mail_limits={"messages_day": 5})
    plan = Plan(**json.loads(json.dumps(services.limits.plan(host_settings))))
    assert set(plan.limits) == set(LIMITS)
    assert plan.limits["messages_day"] == 5
    assert plan.warmup
    assert daily_cap(plan.warmup, date(2026, 12, 4)) == 100
    assert (plan.domains, plan.owner) == (["example.org", "second.org"], "root@example.org")


def test_without_limits_nothing_runs_but_for_a_warmup() -> None:
    for none in ({"mail_limits": dict.fromkeys(LIMITS, 0)}, {}):
        host_settings = settings(**none)
        if not none:
            host_settings = host_settings.model_copy(update={"mail_limits": None})
        assert not services.limits.enabled(host_settings)
    warmup = {"start": "2026-12-01"}
    host_settings = settings(mail_limits=dict.fromkeys(LIMITS, 0), mail_warmup=warmup)
    assert services.limits.enabled(host_settings)


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("mail_limits", {"messages_week": 1}, "did you mean messages_"),
        ("mail_limits", {"messages_day": -1}, "greater than or equal to 0; write it like 500"),
        ("mail_limits", 5, "mail_limits: "),
        ("mail_warmup", {}, "mail_warmup.start: is missing; write one like '2026-12-01'"),
        ("mail_warmup", {"start": "soon"}, "mail_warmup.start: "),
        ("mail_from_header", "lax", "'strict' or 'off'"),
    ],
)
def test_errors_are_one_line_with_the_remedy(key: str, value: object, problem: str) -> None:
    (said,) = parse(data(**{key: value}))[1]
    assert problem in said
