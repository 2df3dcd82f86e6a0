"""
Broken inventories from hypothesis, the same in every run. Each is either refused, with one line a
problem, or can be deployed: no traceback, and no line in a file that no template wrote.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import hypothesis
from hypothesis import HealthCheck, example, given
from hypothesis import strategies as st

from preflight import settings_and_problems
from settings.models import Settings
from tests.inventory import HASH, data
from tests.plan import plan

REPEATABLE = hypothesis.settings(
    max_examples=200,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

#: Every key, with a value that is right.
WHOLE: dict[str, Any] = data(
    mail_ipv4="192.0.2.25",
    mail_ipv6="2001:db8::25",
    mail_aliases={
        "sales": ["alice", "bob+sales"],
        "root": ["alice"],
        "outside": ["friend@remote.test"],
        "press@second.org": ["carol@second.org"],
    },
    mail_tls={
        "mode": "acme",
        "email": "admin@example.org",
        "directory_url": "https://acme.example.net/directory",
        "reuse_key": True,
    },
    mail_from_header="strict",
    mail_limits={"messages_hour": 100, "messages_day": 500},
    mail_ban={"failures": 5, "seconds": 86400},
    mail_trusted_networks=["192.0.2.0/24"],
    mail_warmup={"start": "2026-12-01", "first_day": 20},
    mail_dkim_selector="s2026",
    mail_dkim_bits=2048,
    mail_dmarc_policy="reject",
    mail_spf_all="-all",
    mail_dmarc_inbound="enforce",
    mail_null_domains=["example.net"],
    mail_caa_issuers=["letsencrypt.org"],
    mail_name_servers=["ns1.example.net"],
    mail_check_resolver="192.0.2.53",
    mail_check_outbound="mx.example.net:25",
    mail_blocklists=["zen.spamhaus.org"],
    mail_message_size_limit=52428800,
    mail_relayhost="smtp.example.net:587",
    mail_client_names=["mx", "imap"],
    mail_web=True,
    mail_mta_sts="testing",
    mail_firewall=True,
    mail_open_ports=[80, "443/tcp"],
    mail_updates="reboot",
    mail_swap_size=2**30,
)

# What breaks parsers: ends of lines and strings; syntax of templates, shells, Postfix, Dovecot and
# zone files; look-alikes, paths, lengths.
NASTY = [
    *("", " ", "\n", "\r", "\0", "\t", "\x7f", "\x85", "\u2028", "\ud800", "\n\n", "\n x"),
    *("$x", "${x}", "$(id)", "`id`", "{{ x }}", "{% x %}", "%u", "%{user}", "{CRYPT}", "%s"),
    *("'", '"', "\\", ";", "#", "|", "=", ",", ":", "/", "..", ".", "-", "_", "+", "*", "!", "@"),
    *(
        "<",
        ">",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "~",
        "?",
        "&",
        "^",
        "é",
        "\uff41",
        "\u212a",
        "\u0131",
        "ß",
    ),
    *("../../etc/passwd", "|/bin/sh", ":include:/etc/passwd", "regexp:/x", "1.2.3.4", "::1%eth0"),
    *("y" * 64, "y" * 300, "a." * 130, "99999999999999999999", "١٢", "²", "mail_x", "postmaster"),
]
texts = st.sampled_from(NASTY) | st.text(max_size=5)
numbers = st.sampled_from([-1, 0, 1, 65536, 2**31, 2**64, 10**400, 0.5, float("nan"), float("inf")])
scalars = texts | numbers | st.sampled_from([None, True, False, b"\xff", object(), 3j])
keys = texts | st.sampled_from([None, True, 1, ("a",), b"alice", "alice", "password_hash", "mode"])
junk = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(keys, inner, max_size=3)
        | st.sampled_from([(), {1}, frozenset({"a"}), range(2)])
    ),
    max_leaves=4,
)


@st.composite
def broken_text(draw: st.DrawFn, right: str) -> str:
    """Return a right value with something wrong in it, or in its place."""
    nasty = draw(texts)
    at = draw(st.sampled_from([0, len(right) // 2, len(right)]))
    return draw(st.sampled_from([right[:at] + nasty + right[at:], nasty, right.upper()]))


@st.composite
def broken(draw: st.DrawFn, right: Any) -> Any:
    """Return a value that is wrong in one place, or as a whole."""
    if draw(st.integers(0, 4)) == 0:
        return draw(junk)
    if isinstance(right, str):
        return draw(broken_text(right))
    if isinstance(right, list):
        at = draw(st.integers(0, len(right) - 1))
        wrong = draw(broken(right[at]))
        return [*right[:at], wrong, *right[at + draw(st.integers(0, 1)) :]]
    if isinstance(right, dict):
        at = draw(st.sampled_from(sorted(right)))
        kept = {key: value for key, value in right.items() if key != at}
        if draw(st.booleans()):
            return {**kept, at: draw(broken(right[at]))}
        return {**right, draw(keys | broken_text(at)): right[at]}
    return draw(st.sampled_from([-right, right * 10**9, right + 0.5, str(right)]))


@st.composite
def inventories(draw: st.DrawFn) -> dict[str, Any]:
    """Return an inventory with one to three keys wrong, missing or misspelt."""
    found = dict(WHOLE)
    for key in draw(st.lists(st.sampled_from(sorted(WHOLE)), min_size=1, max_size=3)):
        found[key] = draw(broken(WHOLE[key]))
    if draw(st.integers(0, 9)) == 0:
        del found[draw(st.sampled_from(sorted(found)))]
        found[f"mail_{draw(texts)}"] = draw(junk)
    return found


def judged(inventory: Mapping[str, Any]) -> Settings | None:
    """Return the settings of a right inventory; check the problems of a wrong one, return None."""
    host_settings, problems = settings_and_problems(inventory)
    for problem in problems:
        assert re.match(r"mail_[^:]*", problem)
        assert problem.isprintable()
        assert len(problem) < 600
        assert "x" * 86 not in problem  # HASH
    return None if problems else host_settings


def check_texts(texts: Mapping[str, str]) -> None:
    """Check that the files hold only printable text, line ends and tabs."""
    for name, text in texts.items():
        assert text.replace("\n", "").replace("\t", "").isprintable(), name  # no lone surrogate


def test_the_whole_inventory_is_right() -> None:
    assert settings_and_problems(WHOLE)[1] == []
    assert WHOLE.keys() | {"mail_relayhost_credentials"} == Settings.model_fields.keys()
    check_texts(plan(Settings(**WHOLE)))


CIRCLE: list[Any] = []
CIRCLE.append(CIRCLE)


# The examples were found by longer runs, and by hand.
@REPEATABLE
@example({**WHOLE, "mail_relayhost": "::\n:25"})
@example({**WHOLE, "mail_relayhost": "[::1%$x]:25"})
@example({**WHOLE, "mail_ipv6": "2001:db8::25%eth0"})
@example({**WHOLE, "mail_ipv4": True})
@example({**WHOLE, "mail_hostname": "unknown.invalid"})
@example({**WHOLE, "mail_domains": CIRCLE})
@example({**WHOLE, "mail_name_servers": ["", ""]})
@example({**WHOLE, "mail_aliases": {"team": ["a\1b@remote.test"]}})
@example({**WHOLE, "mail_aliases": {"team": ["alice+\x7f"]}})
@example({**WHOLE, "mail_\ud800": []})
@example({**WHOLE, "mail_users": {b"x": 1.5}})
@example({**WHOLE, "mail_users": {True: "x"}})
@example({**WHOLE, "mail_tls": {"mode": "files", "cert": "~no-such-user/x", "key": "x\0"}})
@example({**WHOLE, "mail_tls": {"mode": "files", "cert": "/dev/zero", "key": "/dev/zero"}})
@example({**WHOLE, "mail_relayhost_credentials": "/dev/stdin\0"})
@given(inventories())
def test_an_inventory_is_refused_in_words_or_deployable(inventory: dict[str, Any]) -> None:
    host_settings = judged(inventory)
    if host_settings is not None:
        check_texts(plan(host_settings))


#: Key -> its value with a given text in it; whatever the text, no file may get more lines.
PLACES: dict[str, Callable[[str], Any]] = {
    "mail_hostname": lambda value: value,
    "mail_dkim_selector": lambda value: value,
    "mail_relayhost": lambda value: value,
    "mail_client_names": lambda value: ["mx", value],
    "mail_null_domains": lambda value: [value],
    "mail_name_servers": lambda value: [value],
    "mail_caa_issuers": lambda value: [value],
    "mail_domains": lambda value: ["example.org", "second.org", value],
    "mail_users": lambda value: {**WHOLE["mail_users"], value: {"password_hash": HASH}},
    "mail_users.hash": lambda value: {**WHOLE["mail_users"], "dan": {"password_hash": value}},
    "mail_aliases": lambda value: {**WHOLE["mail_aliases"], value: ["alice"]},
    "mail_aliases.target": lambda value: {**WHOLE["mail_aliases"], "team": [value]},
}
RIGHT = {
    "mail_hostname": "mail.example.org",
    "mail_dkim_selector": "s2026",
    "mail_relayhost": "smtp.example.net:587",
    "mail_client_names": "imap",
    "mail_null_domains": "example.net",
    "mail_name_servers": "ns1.example.net",
    "mail_caa_issuers": "letsencrypt.org",
    "mail_domains": "third.org",
    "mail_users": "dan",
    "mail_users.hash": HASH,
    "mail_aliases": "team",
    "mail_aliases.target": "alice@example.org",
}


def with_value(place: str, value: str) -> dict[str, Any]:
    """Return the whole inventory with a value at one place."""
    return {**WHOLE, place.partition(".")[0]: PLACES[place](value)}


def lines(texts: Mapping[str, str]) -> dict[str, int]:
    """Return the number of lines of each file of the configuration."""
    return {name: text.count("\n") for name, text in texts.items() if name[:2] in ("12", "13")}


@st.composite
def values(draw: st.DrawFn) -> tuple[str, str]:
    """Return a place and a value for it that is right except for one thing."""
    place = draw(st.sampled_from(sorted(PLACES)))
    return place, draw(broken_text(RIGHT[place]))


EXPECTED = {place: lines(plan(Settings(**with_value(place, RIGHT[place])))) for place in PLACES}


@hypothesis.settings(REPEATABLE, max_examples=100)
@example(("mail_relayhost", "::\n:25"))
@example(("mail_users.hash", HASH.replace("salts", "salt\1")))
@given(values())
def test_no_value_adds_a_line_to_a_file(changed: tuple[str, str]) -> None:
    place, value = changed
    host_settings = judged(with_value(place, value))
    if host_settings is None:
        return
    texts = plan(host_settings)
    check_texts(texts)
    for name, count in lines(texts).items():
        assert count <= EXPECTED[place][name], name
