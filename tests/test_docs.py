"""The pages in docs/ are true."""

from __future__ import annotations

import re
import shlex

from docs import memory
from docs.generate import PAGE, page

ROOT = PAGE.parent.parent


def test_the_page_of_settings_is_current() -> None:
    assert PAGE.read_text() == page(), "run 'make docs'"


def test_the_table_of_memory_is_current() -> None:
    assert memory.PAGE.read_text() == memory.page(), "run 'make docs'"


def test_the_tutorials_tests_exist() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs/tutorial.md").read_text()))
    files = [path for tests in ("acceptance", "tests") for path in (ROOT / tests).glob("test_*.py")]
    code = "".join(path.read_text() for path in files)
    assert named - set(re.findall(r"^def (test_\w+)", code, re.MULTILINE)) == set()
    assert len(named) > 30


def commands(name: str) -> list[str]:
    """Return every command of a page, in code blocks and in text."""
    text = (ROOT / name).read_text()
    blocks = "".join(re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    lines = [line.partition("#")[0].strip() for line in blocks.splitlines()]
    return lines + re.findall(r"`((?:make|pyinfra) .*?)`", text)


def test_both_languages_say_the_same() -> None:
    english, chinese = ((ROOT / name).read_text() for name in ("README.md", "README.zh.md"))
    assert commands("README.md") == commands("README.zh.md")
    for mark in (r"^## ", r"^\| ", r"^\d\. "):
        count = len(re.findall(mark, english, re.MULTILINE))
        assert count == len(re.findall(mark, chinese, re.MULTILINE)), mark
    figures = r"\| (\d+\.\d+|\d+ MB)"
    assert re.findall(figures, english) == re.findall(figures, chinese)


def test_the_test_that_is_run_as_an_example_exists() -> None:
    (line,) = [line for line in commands("docs/develop.md") if "pytest" in line]
    module, _, word = line.partition("tests/")[2].partition(" -k ")
    names = re.findall(r"^def (test_\w+)", (ROOT / "tests" / module).read_text(), re.MULTILINE)
    assert any(word.strip() in name for name in names)


def test_every_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([\w-]+(?: [\w-]+)*):", (ROOT / "Makefile").read_text(), re.M))
    known = {word for line in targets for word in line.split()}
    for command in commands("README.md") + commands("docs/develop.md"):
        if command.startswith("make "):
            words = [word for word in shlex.split(command)[1:] if "=" not in word]
            assert set(words) <= known, command
