"""remote/limits/storage.py: the counts in their file, which several processes share."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from limits.counts import Counts
from limits.plan import DAY

from tests.counting import NOW, counts, message, refused


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
