"""mail_aliases: error lines, and aliases that lead to aliases."""

from __future__ import annotations

from typing import Any

import pytest

from tests.inventory import problems, settings
from wanted.addresses import sender_logins


@pytest.mark.parametrize(
    ("aliases", "line"),
    [
        (
            {"x": ["nobody"]},
            "mail_aliases.x: nobody@example.org is no user and no alias; add it, "
            "or correct the target",
        ),
        ({"x": []}, "mail_aliases.x: leads nowhere; list at least one target"),
        ({"x": "alice"}, "mail_aliases.x: should be a valid list; write it like ['alice', 'bob']"),
        (
            {"x": ["a b@x.org"]},
            "mail_aliases.x: 'a b@x.org' is no address; write user@domain or the name of a user",
        ),
        (
            {"x@third.org": ["alice"]},
            "mail_aliases.x@third.org: third.org is not in mail_domains; add it there, "
            "or use one that is",
        ),
        (
            {"bob": ["alice"]},
            "mail_aliases.bob: hides the user bob@example.org; list bob@example.org among "
            "its targets, or rename one",
        ),
        (
            {"x": ["y"], "y": ["x"]},
            "mail_aliases: x@example.org -> y@example.org -> x@example.org is a loop; "
            "remove a step",
        ),
        ({"x": ["x"]}, "mail_aliases: x@example.org -> x@example.org is a loop; remove a step"),
        (
            {"x": ["alice"], "X": ["bob"]},
            "mail_aliases.X: is x@example.org, and so is 'x'; keep one of them",
        ),
    ],
)
def test_a_wrong_alias(aliases: dict[str, Any], line: str) -> None:
    assert problems(mail_aliases=aliases) == [line]


@pytest.mark.parametrize(
    "aliases",
    [
        {"alice": ["alice", "bob"]},
        {"x": ["alice+tag"]},
        {"x": ["postmaster"], "root": ["x@second.org"], "x@second.org": ["alice"]},
        {"x": ["friend@elsewhere.net"]},
    ],
)
def test_right_aliases(aliases: dict[str, Any]) -> None:
    assert problems(mail_aliases=aliases) == []


def test_thousands_of_aliases_in_a_row_and_across() -> None:
    """One after another they make a deep recursion; with three targets each, 3**60 paths."""
    row = {f"a{at}": [f"a{at + 1}"] for at in range(3000)} | {"a3000": ["alice"]}
    assert problems(mail_aliases=row) == []
    across = {f"b{at}": [f"b{to}" for to in range(at + 1, at + 4)] for at in range(60)}
    across |= {f"b{at}": ["alice"] for at in (60, 61, 62)}
    assert sender_logins(settings(mail_aliases=across))["b0@example.org"] == ["alice@example.org"]
    (loop,) = problems(mail_aliases={**row, "a3000": ["a0"]})
    assert loop.endswith("a3000@example.org -> a0@example.org is a loop; remove a step")
