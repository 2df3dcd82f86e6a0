"""SPF (RFC 7208): may the host's addresses send as the domain?"""

from __future__ import annotations

from collections.abc import Sequence

from tasks.answers import Address
from tasks.lookups import Lookups
from tasks.scoring.message import Received
from tasks.scoring.part import NO_ADDRESS, Aspect, Part
from tasks.spf.evaluation import check_host

LOST = 2.0
ASPECT = Aspect("score.spf", "SPF", "pass")


def results(received: Received, sending: Sequence[Address], lookups: Lookups) -> dict[Address, str]:
    """Return the result of each address that the host sends from: "pass", "fail", "none", …."""
    sender, helo = received.mail_from, received.helo
    return {address: check_host(address, sender, helo, lookups.ask) for address in sending}


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
