"""The plan that a deploy writes into limits.json: which limits there are, and what they allow."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

HOUR, DAY = 3600, 86400  # seconds
WARM = 10000  # a daily cap that stops nothing on a small host: the warm-up is over

#: The limits by their names in mail_limits: what is counted, over how many seconds, in words.
LIMITS = {
    "messages_hour": ("messages", HOUR, "messages an hour"),
    "messages_day": ("messages", DAY, "messages a day"),
    "recipients_hour": ("recipients", HOUR, "recipients an hour"),
    "recipients_day": ("recipients", DAY, "recipients a day"),
    "new_recipients_day": ("new", DAY, "recipients a day whom it never wrote to before"),
}


class Plan(NamedTuple):
    """
    + limits: name of LIMITS -> number, 0 for none
    + warmup: start (ISO date), first_day, double_every; None for a host that is warm
    + domains: mail to these stays here
    + owner, notice: who is told of a login's first refusal, and in which words
    """

    limits: dict[str, int]
    warmup: dict[str, Any] | None
    domains: list[str]
    owner: str
    notice: str


def read(path: str) -> Plan:
    """Return the plan in a file; OSError, ValueError or TypeError where it has none."""
    with open(path, encoding="utf-8") as file:
        return Plan(**json.load(file))


def daily_cap(warmup: dict[str, Any], today: date) -> int | None:
    """Return how many recipients on other hosts a day the warm-up allows; None when it is over."""
    days = max(0, (today - date.fromisoformat(warmup["start"])).days)
    cap = int(warmup["first_day"]) * 2 ** (days // int(warmup["double_every"]))
    return cap if cap < WARM else None


def is_remote(recipient: str, domains: Sequence[str]) -> bool:
    """Whether mail to an address leaves this host's domains."""
    return recipient.rpartition("@")[2] not in domains
