"""SPF (RFC 7208) as a receiver evaluates it: does an address pass, and how much does it look up?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Protocol

from tasks.checks.lookups import Answer

#: RFC 7208, 4.6.4: more of these terms are a permanent error.
LIMIT = 10
#: Where counting ends: nobody needs to know by how much more.
_ENOUGH = 3 * LIMIT

_TERM = re.compile(
    r"(?P<qualifier>[+?~-]?)(?P<name>[a-z][a-z0-9_.-]*)"
    r"(?P<kind>[:=/]?)(?P<value>.*)",
    re.IGNORECASE,
)
_MECHANISMS = ("all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists")


class Names(Protocol):
    """What answers questions: Lookups, or a table in a test."""

    def ask(self, name: str, type: str) -> Answer:
        """Return the answer of the resolver."""


@dataclass(frozen=True)
class Term:
    """One mechanism or modifier: `~all`, `ip4:192.0.2.25`, `redirect=example.org`."""

    qualifier: str
    name: str
    value: str
    text: str


@dataclass
class Evaluation:
    """
    What a record means for one address.

    + result: "pass", "fail", "softfail" or "neutral"
    + lookups: terms that ask DNS, with those of every included record, whether needed or not
    + errors: what a receiver calls a permanent error, the limit apart
    + unanswered: what could not be looked up
    """

    result: str = "neutral"
    lookups: int = 0
    errors: list[str] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)


_RESULTS = {"": "pass", "+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}


def records(texts: tuple[str, ...]) -> list[str]:
    """Return those of a name's TXT records that are SPF (RFC 7208, 4.5)."""
    return [text for text in texts if re.match(r"v=spf1( |$)", text, re.IGNORECASE)]


def terms(record: str) -> Iterator[Term]:
    """Return the terms of a record, in order."""
    for word in record.split()[1:]:
        match = _TERM.fullmatch(word)
        if match is None:
            yield Term("", "", "", word)
            continue
        slash = "/" if match["kind"] == "/" else ""
        yield Term(match["qualifier"], match["name"].lower(), slash + match["value"], word)


def ends_with(record: str) -> str:
    """Return the qualifier of `all`: "+", "-", "~", "?", or "" where there is none."""
    found = [term for term in terms(record) if term.name == "all"]
    return (found[0].qualifier or "+") if found else ""


def evaluate(record: str, domain: str, address: str, names: Names) -> Evaluation:
    """
    Return what a record means for an address. All of it is read, so that all look-ups count.

    + domain: whose record it is
    """
    evaluation = Evaluation()
    evaluation.result = _evaluate(record, domain, address, names, evaluation) or "neutral"
    return evaluation


def _evaluate(
    record: str, domain: str, address: str, names: Names, evaluation: Evaluation
) -> str | None:
    result, redirect = None, None
    for term in terms(record):
        if term.name == "redirect":
            redirect = term
        elif term.name in _MECHANISMS:
            matches = _matches(term, domain, address, names, evaluation)
            if matches and result is None:
                result = _RESULTS[term.qualifier]
        elif "=" not in term.text:  # unknown modifiers are ignored
            evaluation.errors.append(f"{term.text} is no term of SPF")
    if redirect and not ends_with(record):
        redirected = _other(redirect, address, names, evaluation)
        result = result or redirected
    return result


def _matches(term: Term, domain: str, address: str, names: Names, evaluation: Evaluation) -> bool:
    if term.name == "all":
        return True
    if term.name in ("ip4", "ip6"):
        return _in_network(address, term, evaluation)
    if term.name == "include":
        return _other(term, address, names, evaluation) == "pass"
    if not _counted(evaluation):
        return False
    if term.name in ("a", "mx"):
        return _is_host(term, domain, address, names, evaluation)
    return False  # ptr is not to be used any more, exists is for lists and never means ourselves


def _counted(evaluation: Evaluation) -> bool:
    evaluation.lookups += 1
    return evaluation.lookups <= _ENOUGH


def _other(term: Term, address: str, names: Names, evaluation: Evaluation) -> str | None:
    """Evaluate the record that `include` or `redirect` names."""
    if not _counted(evaluation) or "%" in term.value:
        return None
    answer = names.ask(term.value.rstrip("."), "TXT")
    found = records(answer.records)
    if answer.error:
        evaluation.unanswered.append(answer.error)
    elif len(found) != 1:
        evaluation.errors.append(f"{term.text}: {len(found) or 'no'} SPF records there")
    else:
        return _evaluate(found[0], term.value, address, names, evaluation)
    return None


def _in_network(address: str, term: Term, evaluation: Evaluation) -> bool:
    try:
        return ip_address(address) in ip_network(term.value, strict=False)
    except ValueError:
        evaluation.errors.append(f"{term.text} is no network")
        return False


def _is_host(term: Term, domain: str, address: str, names: Names, evaluation: Evaluation) -> bool:
    """Whether `a` or `mx` means the address."""
    name, _, lengths = term.value.partition("/")
    name = name.rstrip(".") or domain
    four, _, six = lengths.partition("//") if not lengths.startswith("/") else ("", "", lengths[1:])
    kind, length = ("AAAA", six) if ":" in address else ("A", four)
    hosts = [name]
    if term.name == "mx":
        hosts = [record.split()[1].rstrip(".") for record in names.ask(name, "MX").records]
    try:
        return any(
            ip_address(address)
            in ip_network(f"{found}/{length}" if length else found, strict=False)
            for host in filter(None, hosts)
            for found in names.ask(host, kind).records
        )
    except ValueError:
        evaluation.errors.append(f"{term.text} has a length that is none")
        return False
