"""What the host acknowledged is where it belongs, whatever is killed meanwhile: a short round."""

from __future__ import annotations

from pathlib import Path

import pytest

from acceptance.support import killing
from acceptance.support.mailhost import MailHost

SEED = 25


@pytest.mark.provoking
def test_nothing_acknowledged_is_lost(host: MailHost, tmp_path: Path) -> None:
    kills, verdict = killing.prove(host, tmp_path / "ledger", SEED, pace=0.25)
    assert kills.total() >= 10
    assert kills["machine"] == 2
    assert verdict.good, f"seed {SEED}: {verdict}\nlost {verdict.lost}\nwrong {verdict.wrong}"
