"""operations/logins.py: only the inventory's users can log in, and all of them can."""

from __future__ import annotations

from facts.dovecot import DoveadmLogins, Logins
from operations.logins import sample, verify
from tests.fake import commands

USERS = frozenset({"alice@example.org", "bob@example.org"})


def logins(known: list[str], sessions: list[str]) -> list[str]:
    facts: dict[type, object] = {DoveadmLogins: Logins(tuple(known), tuple(sessions))}
    return commands(verify, facts, users=USERS)[0]


def test_nothing_to_do() -> None:
    assert logins(sorted(USERS), ["alice@example.org"]) == []


def test_sessions_of_everybody_else_end() -> None:
    (command,) = logins(sorted(USERS), ["alice@example.org", "eve@example.org"])
    assert command.endswith(" mailhost eve@example.org")


def test_a_user_whom_dovecot_does_not_know_fails_the_run() -> None:
    (command,) = logins(["alice@example.org"], [])
    assert command.endswith("exit 1' mailhost bob@example.org")


def test_of_very_many_users_some_are_asked_for() -> None:
    few = [f"user{number}@example.org" for number in range(100)]
    assert sample(few) == sorted(few)
    many = [f"user{number:06}@example.org" for number in range(100_000)]
    asked = sample(many)
    assert (len(set(asked)), asked[0], asked[-1]) == (100, many[0], many[-1])
