"""DMARC (RFC 9989): is there a policy, and does SPF or DKIM pass for the domain in From?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tasks.answers import tags
from tasks.lookups import Lookups
from tasks.scoring.message import Received
from tasks.scoring.part import Aspect, Part
from tasks.scoring.questions import records

LOST = 1.5
ASPECT = Aspect("score.dmarc", "DMARC", "a policy, met by SPF or DKIM of the same domain")

Policy = tuple[str, dict[str, str]]


def policies(domain: str, lookups: Lookups) -> list[Policy]:
    """Return (name, tags) of the nearest DMARC records, at the domain or at one above it."""
    for name in _upwards(domain):
        texts = records(lookups, f"_dmarc.{name}", "TXT")
        found = [text for text in texts if text.startswith("v=DMARC1")]
        if found:
            return [(name, tags(text)) for text in found]
    return []


def _upwards(domain: str) -> Iterator[str]:
    labels = domain.split(".")
    for at in range(max(1, len(labels) - 1)):
        yield ".".join(labels[at:])


def aligned(author: str, domain: str, mode: str) -> bool:
    """
    Whether two domains are aligned: they are the same, or in relaxed mode one is below the other.

    + mode: "s" or "r", as in adkim= and aspf=
    """
    if mode == "s":
        return author == domain
    return f".{author}".endswith(f".{domain}") or f".{domain}".endswith(f".{author}")


def part(received: Received, found: list[Policy], spf: Iterable[str], dkim: Iterable[str]) -> Part:
    """
    Judge policy and alignment.

    + spf, dkim: the domains that SPF and DKIM passed for
    """
    author = received.from_domain
    remedy = f"publish _dmarc.{author} as 'make dns' prints it"
    if len(found) != 1:
        seen = f"{len(found)} records, which count as none" if found else "there is no record"
        return ASPECT.bad(author, f"{seen} at _dmarc.{author}", remedy, LOST)
    ((name, tags),) = found
    if tags.get("p", "none") not in ("none", "quarantine", "reject"):
        return ASPECT.bad(author, f"the record of {name} has p={tags['p']}", remedy, LOST)
    passed = []
    if any(aligned(author, domain, tags.get("aspf", "r")) for domain in spf):
        passed.append("SPF")
    if any(aligned(author, domain, tags.get("adkim", "r")) for domain in dkim):
        passed.append("DKIM")
    policy = f"p={tags.get('p', 'none')} of {name}"
    if not passed:
        seen = f"{policy}: neither SPF nor DKIM passes for {author}"
        return ASPECT.bad(author, seen, "mend SPF and DKIM, see above", LOST)
    return ASPECT.good(author, f"{policy}, met by {' and '.join(passed)}")
