"""mail_users: error lines of names and hashes, and removed users."""

from __future__ import annotations

from typing import Any

import pytest

from preflight import warnings
from tests.inventory import HASH, SHA512, problems, settings


@pytest.mark.parametrize(
    ("users", "line"),
    [
        (
            {"Alice": SHA512, "alice": SHA512},
            "mail_users.alice: is alice@example.org, and so is 'Alice'; keep one of them",
        ),
        (
            {"alice": SHA512, "alice@example.org": SHA512},
            "mail_users.alice@example.org: is alice@example.org, and so is 'alice'; "
            "keep one of them",
        ),
        (
            {"dan@third.org": SHA512},
            "mail_users.dan@third.org: third.org is not in mail_domains; add it there, "
            "or use one that is",
        ),
        (
            {"../etc": SHA512},
            "mail_users.../etc: '../etc' is no name for a mailbox; use letters, digits, '.', '_' "
            "and '-', with a letter or digit at both ends",
        ),
        (
            {"dan+tag": SHA512},
            "mail_users.dan+tag: 'dan+tag' has a '+', which separates a name from its tag; "
            "leave it out",
        ),
        (
            {"dan": {}},
            "mail_users.dan.password_hash: is missing; run 'make password' and paste the hash that "
            "it prints",
        ),
        (
            {"dan": {"state": "gone"}},
            "mail_users.dan.state: should be 'present' or 'absent'; write it like 'absent'",
        ),
        (
            {"dan": "x"},
            "mail_users.dan: should be a valid dict; write it like {'password_hash': '$6$…'}",
        ),
    ],
)
def test_a_wrong_user(users: dict[str, Any], line: str) -> None:
    assert line in problems(mail_users=users, mail_aliases={})


@pytest.mark.parametrize(
    ("digest", "what"),
    [
        ("hunter2-secret", "looks like a plain-text password"),
        ("{SHA512-CRYPT}$6$secret", "begins with a scheme in braces"),
        ("$argon2id$v=19$secret", "is argon2, which needs 79 MB for one check"),
        ("$1$secret$secret", "is of a scheme that is broken"),
        ("$7$secret", "is neither $6$, $y$, $2b$ nor $5$"),
        ("$6$secret$tooshort", "is not a whole hash of its scheme"),
        ("$6$a:b$" + "x" * 86, "is not a whole hash of its scheme"),
        (f"{HASH}\nroot:secret", "is not a whole hash of its scheme"),
    ],
)
def test_a_wrong_hash_is_named_and_never_shown(digest: str, what: str) -> None:
    (line,) = problems(mail_users={"dan": {"password_hash": digest}}, mail_aliases={})
    assert line.startswith(f"mail_users.dan.password_hash: {what}; ")
    assert "secret" not in line


@pytest.mark.parametrize(
    "digest",
    [
        HASH,
        "$6$rounds=10000$salt$" + "x" * 86,
        "$5$salt$" + "x" * 43,
        "$y$j9T$saltsaltsaltsaltsaltsa$" + "x" * 43,
        "$2b$10$" + "x" * 53,
    ],
)
def test_hashes_that_libcrypt_verifies(digest: str) -> None:
    assert problems(mail_users={"dan": {"password_hash": digest}}, mail_aliases={}) == []


def test_a_slow_hash_is_a_warning() -> None:
    users = {"alice": {"password_hash": "$2b$12$" + "x" * 53}}
    assert warnings(settings(mail_users=users, mail_aliases={})) == [
        "mail_users.alice@example.org.password_hash: bcrypt of this cost takes 200 ms or more a "
        "login; $y$ takes 19"
    ]


def test_a_removed_user_needs_no_hash() -> None:
    host_settings = settings(
        mail_users={"alice": SHA512, "bob": {"state": "absent", "mail": "purge"}}, mail_aliases={}
    )
    assert host_settings.removed_users == {"bob@example.org": "purge"}
    assert list(host_settings.users) == ["alice@example.org"]
