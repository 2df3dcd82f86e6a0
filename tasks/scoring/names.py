"""The host's names: reverse DNS that leads back, and the name that it says in HELO."""

from collections.abc import Sequence

from tasks.answers import Address
from tasks.lookups import Lookups
from tasks.scoring.message import Received
from tasks.scoring.part import NO_ADDRESS, Aspect, Part
from tasks.scoring.questions import addresses, pointers

POINTER = Aspect("score.ptr", "reverse DNS", "the HELO name, which leads back to the address", 1.5)
HELO = Aspect("score.helo", "HELO", "a name that leads to the host's addresses", 1.0)


def pointer(received: Received, sending: Sequence[Address], lookups: Lookups) -> Part:
    """Judge the PTR record of each address that the host sends from."""
    if not sending:
        return POINTER.unknown("", NO_ADDRESS)
    problems = [problem for each in sending if (problem := _pointer(each, received.helo, lookups))]
    subject = ", ".join(map(str, sending))
    if not problems:
        return POINTER.good(subject, f"{subject} is {received.helo}, and the other way round")
    remedy = f"set the reverse DNS to {received.helo} at the VPS provider"
    return POINTER.bad(subject, "; ".join(problems), remedy)


def _pointer(address: Address, helo: str, lookups: Lookups) -> str | None:
    names = pointers(lookups, address)
    if not names:
        return f"{address} has no PTR record"
    if helo not in names:
        return f"the PTR record of {address} is {names[0]}, HELO is {helo}"
    if address not in addresses(lookups, helo):
        return f"{address} is {helo}, but {helo} does not lead back there"
    return None


def greeting(received: Received, sending: Sequence[Address], lookups: Lookups) -> Part:
    """Judge the name in the host's HELO."""
    helo = received.helo
    if not sending:
        return HELO.unknown(helo, NO_ADDRESS)
    found = addresses(lookups, helo)
    listed = ", ".join(sorted(map(str, found)))
    remedy = f"publish the address of {helo} as 'make dns' prints it"
    if not found:
        return HELO.bad(helo, f"{helo} has no address in DNS", remedy)
    if missing := [str(each) for each in sending if each not in found]:
        return HELO.bad(helo, f"{helo} is {listed}, not {', '.join(missing)}", remedy)
    return HELO.good(helo, f"{helo} is {listed}")
