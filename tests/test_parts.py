"""acceptance/support/parts.py and recording.py: how the suite's modules are packed into parts."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from acceptance.support.parts import packed, recorded, shares
from acceptance.support.recording import Recorder

SECONDS = {"a": 50.0, "b": 30.0, "c": 30.0, "d": 20.0, "e": 10.0}


def test_the_longest_first_each_to_the_part_with_the_least() -> None:
    assert packed("edcba", SECONDS, 3) == [["a"], ["b", "d"], ["c", "e"]]


def test_each_module_is_in_exactly_one_part_whatever_the_order() -> None:
    found = packed("abcde", SECONDS, 2)
    assert sorted(module for part in found for module in part) == list("abcde")
    assert packed("ecabd", SECONDS, 2) == found


def test_a_module_without_a_record_counts_as_average() -> None:
    # The average of a, d and e is 27: longer than d, shorter than a.
    assert packed(["a", "d", "e", "new"], SECONDS, 2) == [["a"], ["new", "d", "e"]]
    assert packed("xyz", {}, 3) == [["x"], ["y"], ["z"]]


def test_no_part_is_empty() -> None:
    assert packed("ab", SECONDS, 5) == [["a"], ["b"]]
    assert packed("", SECONDS, 5) == []


def test_each_worker_has_one_part() -> None:
    assert shares(10, [13, 12]) == {13: 5, 12: 5}
    assert shares(7, [13, 12]) == {13: 4, 12: 3}
    assert shares(5, [13]) == {13: 5}
    assert shares(1, [13, 12]) == {13: 1, 12: 1}


def report(worker: str, module: str, when: str, seconds: float) -> SimpleNamespace:
    """What xdist tells of one phase of a test on Debian 13."""
    return SimpleNamespace(
        worker_id=worker,
        when=when,
        duration=seconds,
        user_properties=[("release", 13), ("module", module)],
    )


def test_durations_are_added_up_without_the_start_of_the_targets(tmp_path: Path) -> None:
    path = tmp_path / "durations.json"
    path.write_text('{"12": {"a": 4.0}, "13": {"a": 3.0, "kept": 5.0}}')
    recorder = Recorder(path)
    for each in (
        report("gw0", "a", "setup", 60),
        report("gw0", "a", "call", 1),
        report("gw0", "a", "setup", 2),
        report("gw1", "b", "setup", 60),
        report("gw1", "b", "teardown", 0.51),
    ):
        recorder.pytest_runtest_logreport(each)
    recorder.pytest_sessionfinish()
    assert recorded(path) == {12: {"a": 4.0}, 13: {"a": 3.0, "b": 0.5, "kept": 5.0}}


def test_without_a_file_nothing_is_recorded(tmp_path: Path) -> None:
    assert recorded(tmp_path / "none") == {}
