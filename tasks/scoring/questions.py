"""What the score asks DNS: a question without an answer raises, so that it is never "no record"."""

from ipaddress import ip_address

from settings.models import Settings
from tasks.answers import Address
from tasks.lookups import Lookups, resolvers
from tasks.scoring.part import ScoreError

#: Seconds for one question, with all its tries.
SECONDS = 5.0


class LookupFailed(Exception):
    """The resolver gave no answer, which is not the same as "there is no such record"."""


def score_lookups(settings: Settings) -> Lookups:
    """Return the way to DNS; ScoreError where this machine has none."""
    addresses = resolvers(settings)
    if not addresses:
        raise ScoreError("this machine has no DNS resolver")
    return Lookups(addresses, question_seconds=SECONDS)


def records(lookups: Lookups, name: str, kind: str) -> tuple[str, ...]:
    """Return a name's records of a type as tasks/lookups.py has them; aliases are followed."""
    answer = lookups.ask(name.lower(), kind)
    if answer.silent:
        servers = ", ".join(lookups.resolvers)
        raise LookupFailed(f"no answer from {servers} to {kind} of {name}")
    if answer.error:
        raise LookupFailed(f"{kind} of {name}: {answer.error}")
    return answer.records


def addresses(lookups: Lookups, name: str) -> set[Address]:
    """Return the addresses of both families."""
    found = records(lookups, name, "A") + records(lookups, name, "AAAA")
    return {ip_address(each) for each in found}


def pointers(lookups: Lookups, address: Address) -> list[str]:
    """Return the names that an address has in reverse DNS."""
    return [name.rstrip(".") for name in records(lookups, address.reverse_pointer, "PTR")]
