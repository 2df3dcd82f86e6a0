"""All parts of the score of a received message, judged at the same time."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from settings.models import Settings
from tasks.answers import Address
from tasks.lookups import Lookups
from tasks.reach import Places
from tasks.scoring import authentication, message, names, spamassassin, submission
from tasks.scoring.message import Received
from tasks.scoring.part import Aspect, Part
from tasks.scoring.questions import LookupFailed, addresses, pointers, score_lookups
from wanted.dns import host_addresses


def judge(settings: Settings, received: Received, published: Places) -> list[Part]:
    """Return every part of the score; a part is unknown, not wrong, if DNS does not answer."""
    lookups = score_lookups(settings)
    sending, now = sending_addresses(settings), datetime.now(UTC)
    with ThreadPoolExecutor() as pool:
        spam = pool.submit(_spamassassin, received, sending, lookups, now)
        policy = pool.submit(authentication.spf_results, received, sending, lookups)
        signed = pool.submit(authentication.signatures, received, lookups)
        dmarc = pool.submit(authentication.policies, received.from_domain, lookups)
        pointer = pool.submit(names.pointer, received, sending, lookups)
        helo = pool.submit(names.greeting, received, sending, lookups)
        tls = pool.submit(submission.tls, settings, published)

    def aligned() -> Part:
        passed = set(policy.result().values()) == {"pass"}
        senders = [received.sender_domain] if passed else []
        signers = [each.domain for each in signed.result() if each.valid]
        return authentication.dmarc_part(received, dmarc.result(), senders, signers)

    return [
        _answered(authentication.SPF, lambda: authentication.spf_part(received, policy.result())),
        _answered(authentication.DKIM, lambda: authentication.dkim_part(received, signed.result())),
        _answered(authentication.DMARC, aligned),
        _answered(names.POINTER, pointer.result),
        _answered(names.HELO, helo.result),
        tls.result(),
        spam.result(),
        message.part(received, now),
    ]


def sending_addresses(settings: Settings) -> list[Address]:
    """Return the addresses that the host sends from, as others see them; [] if not known."""
    return [] if settings.mail_relayhost else host_addresses(settings)


def _answered(aspect: Aspect, ask: Callable[[], Part]) -> Part:
    try:
        return ask()
    except LookupFailed as error:
        return aspect.unknown("DNS", str(error), "the resolver gave no answer: try again")


def _spamassassin(
    received: Received, sending: Sequence[Address], lookups: Lookups, now: datetime
) -> Part:
    """Ask SpamAssassin about the message as a receiving server would store it."""
    if not sending:
        return spamassassin.judge(received.raw)
    name = _confirmed_name(sending[0], lookups)
    return spamassassin.judge(received.from_client(sending[0], name, now))


def _confirmed_name(address: Address, lookups: Lookups) -> str | None:
    """Return the address's name if that leads back to the address, as a mail server does."""
    try:
        found = (each for each in pointers(lookups, address) if address in addresses(lookups, each))
        return next(found, None)
    except LookupFailed:
        return None
