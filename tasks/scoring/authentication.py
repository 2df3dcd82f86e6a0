"""Is the message the domain's own, as a receiver judges it: SPF, DKIM and DMARC."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import dkim  # type: ignore[import-untyped]

from tasks.answers import Address, tags
from tasks.lookups import Lookups
from tasks.scoring.message import Received
from tasks.scoring.part import NO_ADDRESS, Aspect, Part
from tasks.scoring.questions import records
from tasks.spf.evaluation import check_host

SPF = Aspect("score.spf", "SPF", "pass", 2.0)
DKIM = Aspect("score.dkim", "DKIM", "a signature that verifies by the key in DNS", 2.0)
DMARC = Aspect("score.dmarc", "DMARC", "a policy, met by SPF or DKIM of the same domain", 1.5)

Policy = tuple[str, dict[str, str]]


# ---- SPF (RFC 7208): may the host's addresses send as the domain? -------------------------------
def spf_results(
    received: Received, sending: Sequence[Address], lookups: Lookups
) -> dict[Address, str]:
    """Return the result of each address that the host sends from: "pass", "fail", "none", …."""
    sender, helo = received.mail_from, received.helo
    return {address: check_host(address, sender, helo, lookups.ask) for address in sending}


def spf_part(received: Received, results: Mapping[Address, str]) -> Part:
    """Judge the results."""
    subject = received.sender_domain
    if not results:
        return SPF.unknown(subject, NO_ADDRESS)
    seen = "; ".join(f"{result} for {address}" for address, result in results.items())
    seen = f"{seen}, sender {subject}"
    if set(results.values()) == {"pass"}:
        return SPF.good(subject, seen)
    if "temperror" in results.values():
        return SPF.unknown(subject, seen, "the resolver gave no answer: try again")
    remedy = f"publish the SPF record of {subject} that 'make dns' prints, and no second one"
    return SPF.bad(subject, seen, remedy)


# ---- DKIM (RFC 6376): does a signature verify by the key in DNS? dkimpy judges ------------------
@dataclass(frozen=True)
class Signature:
    """A DKIM-Signature field, and what it is worth."""

    domain: str
    key_name: str  # where its public key is published
    key_found: bool  # whether there is a record
    valid: bool


def signatures(received: Received, lookups: Lookups) -> list[Signature]:
    """Return the message's signatures, the topmost first."""
    message = dkim.DKIM(received.raw)
    fields = [value for name, value in message.headers if name.lower() == b"dkim-signature"]
    return [_signature(received.raw, number, field, lookups) for number, field in enumerate(fields)]


def _signature(raw: bytes, number: int, field: bytes, lookups: Lookups) -> Signature:
    try:
        tags = dkim.util.parse_tag_value(field)
        domain, selector = (tags[tag].decode().lower() for tag in (b"d", b"s"))
    except (dkim.util.InvalidTagValueList, KeyError, UnicodeDecodeError):
        return Signature("?", "?", False, False)
    key_name = f"{selector}._domainkey.{domain}"
    key = "".join(records(lookups, key_name, "TXT")[:1]).encode()
    try:
        valid = dkim.DKIM(raw).verify(number, dnsfunc=lambda *_args, **_kwargs: key)
    except dkim.DKIMException:
        valid = False
    return Signature(domain, key_name, bool(key), bool(valid))


def dkim_part(received: Received, found: Sequence[Signature]) -> Part:
    """Judge the signatures."""
    subject = received.from_domain
    if not found:
        remedy = "run deploy.py, then look at opendkim's journal"
        remedy = f"the host has to sign what it sends: {remedy}"
        return DKIM.bad(subject, "the message has no signature", remedy)
    if good := [each for each in found if each.valid]:
        return DKIM.good(subject, f"the signature of {good[0].domain} verifies")
    name = found[0].key_name
    seen = f"signed, but there is no key at {name}"
    if found[0].key_found:
        seen = f"the signature does not verify by the key at {name}"
    return DKIM.bad(subject, seen, f"publish {name} as 'make dns' prints it")


# ---- DMARC (RFC 9989): is there a policy, and does SPF or DKIM pass for the domain in From? -----
def policies(domain: str, lookups: Lookups) -> list[Policy]:
    """Return (name, tags) of the nearest DMARC records, at the domain or at one above it."""
    labels = domain.split(".")
    for at in range(max(1, len(labels) - 1)):
        name = ".".join(labels[at:])
        texts = records(lookups, f"_dmarc.{name}", "TXT")
        if found := [(name, tags(text)) for text in texts if text.startswith("v=DMARC1")]:
            return found
    return []


def aligned(author: str, domain: str, mode: str) -> bool:
    """Whether two domains are aligned: the same or, in mode "r" (not "s"), one below the other."""
    if mode == "s":
        return author == domain
    return f".{author}".endswith(f".{domain}") or f".{domain}".endswith(f".{author}")


def dmarc_part(
    received: Received, found: Sequence[Policy], senders: Iterable[str], signers: Iterable[str]
) -> Part:
    """Judge the policy, and the domains that SPF (senders) and DKIM (signers) passed for."""
    author = received.from_domain
    remedy = f"publish _dmarc.{author} as 'make dns' prints it"
    if len(found) != 1:
        seen = f"{len(found)} records, which count as none" if found else "there is no record"
        return DMARC.bad(author, f"{seen} at _dmarc.{author}", remedy)
    ((name, tags),) = found
    policy = f"p={tags.get('p', 'none')}"
    if policy not in ("p=none", "p=quarantine", "p=reject"):
        return DMARC.bad(author, f"the record of {name} has {policy}", remedy)
    passed = [
        method
        for method, domains, mode in (("SPF", senders, "aspf"), ("DKIM", signers, "adkim"))
        if any(aligned(author, domain, tags.get(mode, "r")) for domain in domains)
    ]
    if not passed:
        seen = f"{policy} of {name}: neither SPF nor DKIM passes for {author}"
        return DMARC.bad(author, seen, "mend SPF and DKIM, see above")
    return DMARC.good(author, f"{policy} of {name}, met by {' and '.join(passed)}")
