"""remote/limits: what is counted, what is refused, and until when."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from limits.counts import Counts
from limits.message import Refusal, fits_at
from limits.notice import notice
from limits.plan import DAY, HOUR, LIMITS, Plan, daily_cap, is_remote
from limits.storage import REMEMBERED

import services.limits
from tests.counting import ALICE, NOW, counts, message, refused
from tests.inventory import settings


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


def test_the_notice_names_login_limit_and_time() -> None:
    plan = Plan(**services.limits.plan(settings()))
    text = notice(plan, ALICE, Refusal("limit", NOW), NOW)
    assert text.isascii()
    assert f"Subject: {ALICE} has reached its sending limit\n" in text
    assert "    limit: try again after 2027-01-15 08:00 UTC\n" in text


@pytest.mark.parametrize(("address", "remote"), [("a@example.org", False), ("a@x.org", True)])
def test_what_is_remote(address: str, remote: bool) -> None:
    assert is_remote(address, ["example.org"]) is remote
