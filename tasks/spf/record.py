"""The terms of an SPF record and their macros: the grammar of RFC 7208, 12."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from urllib.parse import quote

from tasks.answers import Address

_MACRO = r"%(?:\{[slodiphv](?:0*[1-9]\d*)?r?[-.+,/_=]*\}|[%_-])"
_MACRO_PARTS = re.compile(r"%(?:\{([a-z])(\d*)(r?)([^}]*)\}|[%_-])", re.IGNORECASE)
_TEXT = rf"(?:[!-$&-~]|{_MACRO})*"
_LAST_LABEL = r"\.(?:[a-z0-9]*[a-z][a-z0-9]*|[a-z0-9]+-[a-z0-9-]*[a-z0-9])\.?"
_DOMAIN = rf"(?P<domain>{_TEXT}(?:{_LAST_LABEL}|{_MACRO}))"
_LENGTH = r"0|[1-9]\d*"
_LENGTHS = rf"(?:/(?P<four>{_LENGTH}))?(?://(?P<six>{_LENGTH}))?"

#: Mechanism or modifier -> what follows its name.
_ARGUMENTS = {
    "all": "",
    "include": f":{_DOMAIN}",
    "exists": f":{_DOMAIN}",
    "ptr": f"(?::{_DOMAIN})?",
    "a": f"(?::{_DOMAIN})?{_LENGTHS}",
    "mx": f"(?::{_DOMAIN})?{_LENGTHS}",
    "ip4": rf":(?P<network>[0-9.]+(?:/(?:{_LENGTH}))?)",
    "ip6": rf":(?P<network>[0-9a-f:.]+(?:/(?:{_LENGTH}))?)",
    "redirect": f"={_DOMAIN}",
    "exp": f"={_DOMAIN}",
}
_TERM = re.compile(r"([+?~-]?)([a-z][a-z0-9_.-]*)(.*)", re.IGNORECASE)
_MODIFIERS = ("redirect", "exp")


@dataclass(frozen=True)
class Term:
    """One mechanism or modifier: `~all`, `ip4:192.0.2.25`, `redirect=example.org`."""

    text: str
    qualifier: str = ""
    name: str = ""  # "" for a modifier that SPF does not know and a receiver ignores
    domain: str = ""  # its macros not expanded
    network: IPv4Network | IPv6Network | None = None  # of ip4 and ip6
    four: int = 32  # length of the network of `a` and `mx`, for IPv4
    six: int = 128  # the same for IPv6
    fault: str = ""  # what a receiver calls a permanent error

    def covers(self, address: Address, host: str) -> bool:
        """Whether an address is in the network of this term around a host's address."""
        length = self.four if address.version == 4 else self.six
        return address in ip_network(f"{host}/{length}", strict=False)


def spf_records(texts: Sequence[str]) -> list[str]:
    """Return those of a name's TXT records that are SPF (RFC 7208, 4.5)."""
    return [text for text in texts if re.match(r"v=spf1( |$)", text, re.IGNORECASE)]


def terms(record: str) -> Iterator[Term]:
    """Return the terms of a record, in order."""
    seen = set()
    for word in filter(None, record.split(" ")[1:]):
        term = _term(word)
        if term.name in _MODIFIERS and term.name in seen:
            term = Term(word, fault=f"{word} is a second {term.name}")
        seen.add(term.name)
        yield term


def ends_with(record: str) -> str:
    """Return the qualifier of `all`: "+", "-", "~", "?", or "" where there is none."""
    found = [term for term in terms(record) if term.name == "all"]
    return (found[0].qualifier or "+") if found else ""


def _term(word: str) -> Term:
    parts = _TERM.fullmatch(word)
    qualifier, name, rest = parts.groups() if parts else ("", "", "")
    name = name.lower()
    arguments = _ARGUMENTS.get(name)
    if arguments is None or (rest.startswith("=") and name not in _MODIFIERS):
        known = not qualifier and re.fullmatch(f"={_TEXT}", rest, re.IGNORECASE)
        return Term(word, fault="" if known else f"{word} is no term of SPF")
    match = re.fullmatch(arguments, rest, re.IGNORECASE)
    if name in ("ip4", "ip6"):
        return _network(word, qualifier, name, match["network"] if match else "")
    if match is None or (qualifier and name in _MODIFIERS):
        return Term(word, qualifier, name, fault=f"{word} is no term of SPF")
    found = match.groupdict()
    four, six = int(found.get("four") or 32), int(found.get("six") or 128)
    fault = f"{word} has a length that is none" if four > 32 or six > 128 else ""
    return Term(word, qualifier, name, found.get("domain") or "", None, four, six, fault)


def _network(word: str, qualifier: str, name: str, text: str) -> Term:
    family = IPv4Network if name == "ip4" else IPv6Network
    try:
        return Term(word, qualifier, name, network=family(text, strict=False))
    except ValueError:
        return Term(word, qualifier, name, fault=f"{word} is no network")


def expanded(text: str, values: Mapping[str, str]) -> str:
    """Return a domain with its macros expanded (RFC 7208, 7): at most 253 characters of its end."""

    def value(macro: re.Match[str]) -> str:
        letter, count, reverse, delimiters = macro.groups()
        if letter is None:
            return {"%%": "%", "%_": " ", "%-": "%20"}[macro[0]]
        parts = re.split(f"[{re.escape(delimiters or '.')}]", values[letter.lower()])
        parts = parts[::-1] if reverse else parts
        joined = ".".join(parts[-int(count or 0) :])
        return quote(joined, safe="~") if letter.isupper() else joined

    name = _MACRO_PARTS.sub(value, text).rstrip(".")
    while len(name) > 253 and "." in name:
        name = name.partition(".")[2]
    return name
