"""The ledger (acceptance/support): its judge finds what is lost, wrong or double."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from acceptance.support.ledger import Ledger

ANN, BEN = "ann@example.org", "ben@example.org"


def ledger(path: Path) -> tuple[Ledger, str, str]:
    """Return a ledger: one message to both was acknowledged, one to ben was not."""
    book = Ledger(path / "ledger", run="r")
    both, unsure = book.new([ANN, BEN]), book.new([BEN])
    book.acknowledged(both, [ANN, BEN])
    return book, both, unsure


def test_all_is_well(tmp_path: Path) -> None:
    book, both, unsure = ledger(tmp_path)
    verdict = book.judge({ANN: Counter([both]), BEN: Counter([both, unsure])})
    assert verdict.good
    assert (verdict.acknowledged, verdict.duplicates, verdict.unasked) == (1, 0, 1)


def test_one_of_two_mailboxes_is_not_enough(tmp_path: Path) -> None:
    book, both, _ = ledger(tmp_path)
    verdict = book.judge({ANN: Counter([both])})
    assert verdict.lost == [(both, BEN)]
    assert not verdict.good


def test_a_mailbox_that_nobody_addressed(tmp_path: Path) -> None:
    book, both, unsure = ledger(tmp_path)
    verdict = book.judge({ANN: Counter([both, unsure]), BEN: Counter([both])})
    assert verdict.wrong == [(unsure, ANN)]
    assert not verdict.good


def test_duplicates_are_counted_and_allowed(tmp_path: Path) -> None:
    book, both, _ = ledger(tmp_path)
    verdict = book.judge({ANN: Counter([both, both]), BEN: Counter([both])})
    assert verdict.duplicates == 1
    assert verdict.good


def test_nothing_acknowledged_proves_nothing(tmp_path: Path) -> None:
    assert not Ledger(tmp_path / "ledger").judge({}).good
