"""A received message, judged from every side at the same time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from settings.models import Settings
from tasks.scoring import (
    alignment,
    message,
    names,
    sender_policy,
    signature,
    spamassassin,
    submission,
)
from tasks.scoring.lookup import Lookup, LookupFailed
from tasks.scoring.message import Address, Received
from tasks.scoring.part import Aspect, Part, ScoreError


def judge(settings: Settings, received: Received, published: Mapping[int, int]) -> list[Part]:
    """Return every part of the score; what DNS does not answer is unknown, not wrong."""
    try:
        lookup = Lookup(settings.mail_check_resolver)
    except LookupFailed as error:
        raise ScoreError(str(error)) from None
    sending, now = sending_addresses(settings), datetime.now(UTC)
    with ThreadPoolExecutor() as pool:
        spam = pool.submit(_spamassassin, received, sending, lookup, now)
        policy = pool.submit(sender_policy.results, received, sending, lookup)
        signed = pool.submit(signature.signatures, received, lookup)
        dmarc = pool.submit(alignment.policies, received.from_domain, lookup)
        pointer = pool.submit(names.pointer, received, sending, lookup)
        helo = pool.submit(names.greeting, received, sending, lookup)
        tls = pool.submit(submission.tls, settings, published)

    def aligned() -> Part:
        spf = [received.sender_domain] if set(policy.result().values()) == {"pass"} else []
        dkim = [each.domain for each in signed.result() if each.valid]
        return alignment.part(received, dmarc.result(), spf, dkim)

    return [
        _answered(sender_policy.ASPECT, lambda: sender_policy.part(received, policy.result())),
        _answered(signature.ASPECT, lambda: signature.part(received, signed.result())),
        _answered(alignment.ASPECT, aligned),
        _answered(names.POINTER, pointer.result),
        _answered(names.HELO, helo.result),
        tls.result(),
        spam.result(),
        message.part(received, now),
    ]


def sending_addresses(settings: Settings) -> list[Address]:
    """Return the addresses that others see the host's mail come from, as far as they are known."""
    if settings.mail_relayhost:
        return []
    return [each for each in (settings.mail_ipv4, settings.mail_ipv6) if each is not None]


def _answered(aspect: Aspect, ask: Callable[[], Part]) -> Part:
    try:
        return ask()
    except LookupFailed as error:
        return aspect.unknown("DNS", str(error), "the resolver gave no answer: try again")


def _spamassassin(
    received: Received, sending: Sequence[Address], lookup: Lookup, now: datetime
) -> Part:
    """Ask SpamAssassin about the message as a receiving server would have stored it."""
    if not sending:
        return spamassassin.judge(received.raw)
    name = _confirmed_name(sending[0], lookup)
    return spamassassin.judge(received.from_client(sending[0], name, now))


def _confirmed_name(address: Address, lookup: Lookup) -> str | None:
    """Return an address's name where that leads back to it, as a mail server looks it up."""
    try:
        found = (each for each in lookup.pointers(address) if address in lookup.addresses(each))
        return next(found, None)
    except LookupFailed:
        return None
