"""Inventory data for unit tests: a plain host without mistakes."""

from __future__ import annotations

from typing import Any

from preflight import settings_and_problems
from settings.models import Settings
from settings.parsing import parse

HASH = "$6$saltsalt$" + "x" * 86
#: What `mail_users` says of a user.
SHA512 = {"password_hash": HASH}


def data(**changes: Any) -> dict[str, Any]:
    """Return a host's inventory data, with some keys replaced; None removes a key."""
    plain: dict[str, Any] = {
        "mail_hostname": "mail.example.org",
        "mail_domains": ["example.org", "second.org"],
        "mail_users": {
            "alice": {"password_hash": HASH},
            "bob": {"password_hash": HASH},
            "carol@second.org": {"password_hash": HASH},
        },
        "mail_aliases": {"sales": ["alice", "bob"]},
    }
    merged = {**plain, **changes}
    return {key: value for key, value in merged.items() if value is not None}


def settings(**changes: Any) -> Settings:
    """Return the settings of such a host; its data must be right."""
    host_settings, problems = parse(data(**changes))
    assert problems == []
    return host_settings


def problems(**changes: Any) -> list[str]:
    """Return the error lines of such a host's data."""
    return settings_and_problems(data(**changes))[1]
