"""Right inventories of every shape: names, capitals, addresses, aliases to aliases."""

from __future__ import annotations

from typing import Any

import hypothesis
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from tests.inventory import HASH

_LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
_DOMAIN = st.lists(_LABEL, min_size=1, max_size=2).map(lambda labels: ".".join([*labels, "test"]))
#: The name of a mailbox or an alias, as the settings take it.
_NAME = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9_-]|[.](?=[a-z])){0,10}[a-z0-9]", fullmatch=True)
#: The local part of an address on another host.
_REMOTE = st.from_regex(r"[a-z0-9_#&'*=?^{}~$+][a-z0-9_#&'*=?^{}~$+./|`-]{0,12}", fullmatch=True)


@st.composite
def inventories(draw: st.DrawFn) -> dict[str, Any]:
    """Return a right inventory; its aliases lead to users, to earlier aliases, to other hosts."""
    domains = draw(st.lists(_DOMAIN, min_size=1, max_size=3, unique=True))
    places = st.sampled_from(["", *(f"@{domain}" for domain in domains)])

    def address(name: str, place: str) -> str:
        return f"{name}{place or '@' + domains[0]}".lower()

    found = draw(st.lists(st.tuples(_NAME, places), min_size=1, max_size=8))
    named = {address(*each): "".join(each) for each in found}
    named.pop(f"mailhost-probe@{domains[0]}", None)
    names = draw(st.permutations(sorted(named)))
    users = names[: draw(st.integers(1, len(names)))]
    aliases: dict[str, list[str]] = {}
    for alias in names[len(users) :]:
        inside = st.sampled_from([*users, *aliases])
        tagged = st.builds(lambda target, tag: target.replace("@", f"+{tag}@"), inside, _LABEL)
        outside = st.builds("{}@{}.example".format, _REMOTE, _LABEL)
        aliases[alias] = draw(st.lists(inside | tagged | outside, min_size=1, max_size=3))
    return {
        "mail_hostname": "host.example",
        "mail_domains": domains,
        "mail_users": {named[user]: {"password_hash": HASH} for user in users},
        "mail_aliases": {named[alias]: targets for alias, targets in aliases.items()},
    }


def examples(count: int) -> list[dict[str, Any]]:
    """Return `count` inventories, the same in every run."""
    found: list[dict[str, Any]] = []

    @hypothesis.settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(inventories())
    def collect(inventory: dict[str, Any]) -> None:
        found.append(inventory)

    collect()
    return found
