"""What the pages in docs/ say is so."""

from __future__ import annotations

import re

from docs.generate import PAGE, page

ROOT = PAGE.parent.parent


def test_the_page_of_settings_is_current() -> None:
    assert PAGE.read_text() == page(), "run 'make docs'"


def test_the_tutorials_tests_exist() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs/tutorial.md").read_text()))
    files = [path for tests in ("acceptance", "tests") for path in (ROOT / tests).glob("test_*.py")]
    code = "".join(path.read_text() for path in files)
    assert named - set(re.findall(r"^def (test_\w+)", code, re.MULTILINE)) == set()
    assert len(named) > 30
