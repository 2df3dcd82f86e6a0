"""docs/settings.md is what settings.py says."""

from __future__ import annotations

from docs.generate import PAGE, page


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == page(), "run 'make docs'"
