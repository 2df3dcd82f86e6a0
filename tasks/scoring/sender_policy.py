"""SPF (RFC 7208): may the host's addresses send as the domain? Evaluated by pyspf."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import spf  # type: ignore[import-untyped]

from tasks.scoring.lookup import Lookup, LookupFailed
from tasks.scoring.message import Address, Received
from tasks.scoring.part import NO_ADDRESS, Aspect, Part

LOST = 2.0
ASPECT = Aspect("score.spf", "SPF", "pass")


class _Evaluation(spf.query):  # type: ignore[misc]
    """pyspf's evaluation, with our way to DNS instead of its module-wide one."""

    def __init__(self, address: Address, received: Received, lookup: Lookup) -> None:
        super().__init__(i=str(address), s=received.mail_from, h=received.helo)
        self._our_lookup = lookup

    def dns(
        self, name: object, qtype: str, cnames: object = None, ignore_void: bool = False
    ) -> list[Any]:
        """Return a name's records in pyspf's form; aliases were followed already."""
        try:
            answers = [_plain(each, qtype) for each in self._our_lookup.records(str(name), qtype)]
        except LookupFailed as error:
            raise spf.TempError(str(error)) from None
        if not answers and not ignore_void:
            self.void_lookups += 1
            if self.void_lookups > spf.MAX_VOID_LOOKUPS:
                raise spf.PermError("more than two of its names do not exist")
        return answers


def _plain(record: Any, kind: str) -> Any:
    if kind == "MX":
        return record.preference, record.exchange.to_text(omit_final_dot=True)
    if kind == "PTR":
        return record.target.to_text(omit_final_dot=True)
    return record.strings if kind == "TXT" else record.address


def results(received: Received, sending: Sequence[Address], lookup: Lookup) -> dict[Address, str]:
    """Return "pass", "softfail", "none", "temperror", … for each address that the host sends by."""
    return {address: _Evaluation(address, received, lookup).check()[0] for address in sending}


def part(received: Received, found: dict[Address, str]) -> Part:
    """Judge the results."""
    subject = received.sender_domain
    if not found:
        return ASPECT.unknown(subject, NO_ADDRESS)
    seen = "; ".join(f"{result} for {address}" for address, result in found.items())
    seen = f"{seen}, sender {subject}"
    if set(found.values()) == {"pass"}:
        return ASPECT.good(subject, seen)
    if "temperror" in found.values():
        return ASPECT.unknown(subject, seen, "the resolver gave no answer: try again")
    remedy = f"publish the SPF record of {subject} that 'make dns' prints, and no second one"
    return ASPECT.bad(subject, seen, remedy, LOST)
