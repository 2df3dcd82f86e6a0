"""
SPF (RFC 7208): does an address pass as a receiver evaluates it, and what is wrong with the record?

Our own: pyspf ends at the first match, fault or silent name, so it cannot count what the whole
record looks up, nor pass over a name that only we cannot look up.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address

from tasks.answers import Address, Answer
from tasks.spf.record import Term, ends_with, expanded, spf_records, terms

#: RFC 7208, 4.6.4: more terms that ask DNS, or more questions without a record, are an error.
LIMIT, VOID_LIMIT = 10, 2
#: RFC 7208, 4.6.4: how many names of one MX or PTR answer are looked up.
NAMES_LIMIT = 10
#: Where counting ends: nobody needs to know by how much more.
_ENOUGH = 3 * LIMIT
#: Name and type -> the resolver's answer: Lookups.ask, or a table in a test.
Ask = Callable[[str, str], Answer]
_RESULTS = {"": "pass", "+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}


@dataclass
class Evaluation:
    """What a record means for one address."""

    result: str = "neutral"  # or "pass", "fail", "softfail"
    lookups: int = 0  # terms that ask DNS, those of all included records too, needed or not
    errors: list[str] = field(default_factory=list)  # permanent errors, the limits apart
    unanswered: list[str] = field(default_factory=list)  # records that could not be looked up


def evaluate(record: str, domain: str, address: str, ask: Ask) -> Evaluation:
    """Return what a domain's record means for an address; all of it is read, faults or not."""
    reader = _Reader(ip_address(address), f"postmaster@{domain}", domain, ask, strict=False)
    reader.found.result = reader.read(record, domain) or "neutral"
    return reader.found


def check_host(address: Address, sender: str, helo: str, ask: Ask) -> str:
    """Return a receiver's result (RFC 7208, 2.6): "pass", "permerror", "none", …."""
    local, _, domain = sender.rpartition("@")
    domain = domain or helo  # RFC 7208, 2.4: without a sender it is postmaster at the HELO name
    if "." not in domain:
        return "none"
    reader = _Reader(address, f"{local or 'postmaster'}@{domain}", helo, ask, strict=True)
    try:
        found = reader.records_of(domain)
        if not found:
            return "none"
        return "permerror" if len(found) > 1 else reader.read(found[0], domain) or "neutral"
    except _Ended as ended:
        return str(ended)


class _Ended(Exception):
    """A receiver stops here with this result: "permerror" or "temperror"."""


class _Reader:
    """One evaluation."""

    def __init__(self, address: Address, sender: str, helo: str, ask: Ask, strict: bool) -> None:
        """With `strict`, stop where a receiver stops; else note what is wrong and read on."""
        self.address: Address = getattr(address, "ipv4_mapped", None) or address
        self.kind = "A" if self.address.version == 4 else "AAAA"
        self.sender, self.helo, self.ask, self.strict = sender, helo, ask, strict
        self.found = Evaluation()
        self.void = 0

    def read(self, record: str, domain: str) -> str | None:
        """Return the result of a record, None where no term of it matches."""
        result = None
        parsed = list(terms(record))
        for fault in filter(None, (term.fault for term in parsed)):
            self._error(fault)
        for term in parsed:
            if self._matches(term, domain) and result is None:
                result = _RESULTS[term.qualifier]
                if self.strict:
                    return result
        redirect = next((term for term in parsed if term.name == "redirect"), None)
        if redirect and not redirect.fault and not ends_with(record):
            redirected = self._other(redirect, domain)  # it counts, also where a term matched
            result = result or redirected
        return result

    def records_of(self, name: str) -> list[str] | None:
        """Return the SPF records of a name, None where nobody answers; that is noted."""
        answer = self.ask(name, "TXT")
        if answer.error:
            self.found.unanswered.append(answer.error)
            self._end_if_strict("temperror")
            return None
        return spf_records(answer.records)

    # ---- what is wrong ------------------------------------------------------------------------
    def _end_if_strict(self, result: str) -> None:
        if self.strict:
            raise _Ended(result)

    def _error(self, text: str) -> None:
        self.found.errors.append(text)
        self._end_if_strict("permerror")

    def _counted(self) -> bool:
        self.found.lookups += 1
        if self.found.lookups > LIMIT:
            self._end_if_strict("permerror")
        return self.found.lookups <= _ENOUGH

    def _records(self, name: str, kind: str) -> tuple[str, ...]:
        answer = self.ask(name, kind)
        if answer.error:
            self._end_if_strict("temperror")
        elif not answer.records:
            self.void += 1
            if self.void > VOID_LIMIT:
                self._end_if_strict("permerror")
        return answer.records

    # ---- mechanisms (RFC 7208, 5) -------------------------------------------------------------
    def _matches(self, term: Term, domain: str) -> bool:
        if term.fault or term.name in ("redirect", "exp", ""):
            return False
        if term.name == "all":
            return True
        if term.network:
            return self.address in term.network
        if term.name == "include":
            return self._other(term, domain) == "pass"
        if not self._counted():
            return False
        name = self._expanded(term.domain, domain) if term.domain else domain
        if term.name == "exists":
            return bool(self._records(name, "A"))
        if term.name == "ptr":
            return any(f".{each}".endswith(f".{name.lower()}") for each in self._own_names())
        hosts = [name]
        if term.name == "mx":
            hosts = [each.split()[1].rstrip(".") for each in self._records(name, "MX")]
            if len(hosts) > NAMES_LIMIT:
                self._error(f"{term.text}: more than {NAMES_LIMIT} MX records there")
        return any(
            term.covers(self.address, each)
            for host in filter(None, hosts)
            for each in self._records(host, self.kind)
        )

    def _other(self, term: Term, domain: str) -> str | None:
        """Evaluate the record that `include` or `redirect` names."""
        if not self._counted():
            return None
        name = self._expanded(term.domain, domain)
        found = self.records_of(name)
        if found is not None and len(found) != 1:
            self._error(f"{term.text}: {len(found) or 'no'} SPF records there")
        return self.read(found[0], name) if found and len(found) == 1 else None

    def _own_names(self) -> Iterator[str]:
        """Yield the address's names that lead back to it; what is not answered is no error."""
        pointers = self.ask(self.address.reverse_pointer, "PTR").records
        for name in [each.rstrip(".") for each in pointers[:NAMES_LIMIT]]:
            if str(self.address) in self.ask(name, self.kind).records:
                yield name

    def _expanded(self, text: str, domain: str) -> str:
        """Return a name with its macros expanded (RFC 7208, 7)."""
        local, _, sender_domain = self.sender.rpartition("@")
        values = {"s": self.sender, "l": local, "o": sender_domain, "d": domain, "h": self.helo}
        if self.kind == "A":
            values |= {"i": str(self.address), "v": "in-addr"}
        else:
            nibbles = self.address.exploded.replace(":", "").upper()
            values |= {"i": ".".join(nibbles), "v": "ip6"}
        if re.search(r"%\{p", text, re.IGNORECASE):
            found = list(self._own_names())
            below = [name for name in found if name.endswith(f".{domain}")]
            best = [name for name in found if name == domain] or below or found
            values["p"] = best[0] if best else "unknown"
        return expanded(text, values)
