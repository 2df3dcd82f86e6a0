"""A captured message and DNS with any records, for the tests of tasks/scoring."""

from __future__ import annotations

import re
from datetime import datetime
from email import message_from_bytes
from email.utils import parsedate_to_datetime
from ipaddress import IPv4Address
from pathlib import Path

from tasks.answers import Address, Answer, content
from tasks.lookups import Lookups
from tasks.scoring import message
from tasks.scoring.message import Received

FIXTURES = Path(__file__).parent / "fixtures/scoring"
HOST = "mail.example.test"
DOMAIN = "example.test"
KEY = f"default._domainkey.{DOMAIN}"
ADDRESS = IPv4Address("192.0.2.25")
POINTER = "25.2.0.192.in-addr.arpa"
SENDING: list[Address] = [ADDRESS]

Records = dict[tuple[str, str], list[str]]


class Zone(Lookups):
    """DNS with only these records, in zone-file form; names in `dead` get no answer."""

    def __init__(self, records: Records, dead: tuple[str, ...]) -> None:
        super().__init__(["192.0.2.53"])
        self._records = records
        self._dead = dead

    def ask(self, name: str, kind: str) -> Answer:
        if name in self._dead:
            return Answer(error="the resolver 192.0.2.53 does not answer")
        texts = self._records.get((name.rstrip("."), kind), [])
        if kind == "TXT":
            texts = ["".join(re.findall('"(.*?)"', text)) for text in texts]
        return Answer(tuple(content(kind, text) for text in texts))


def zone(*dead: str, **changes: list[str]) -> Zone:
    """
    Return DNS with all records, some of them replaced: a, mx, spf, key, dmarc, ptr.

    + dead: names that get no answer
    """
    key = (FIXTURES / "key-13.txt").read_text().strip()
    records = {
        "a": [str(ADDRESS)],
        "mx": [f"10 {HOST}."],
        "spf": [f'"v=spf1 mx ip4:{ADDRESS} ~all"', '"other=text"'],
        "key": [f'"{key[:200]}" "{key[200:]}"'],
        "dmarc": ['"v=DMARC1; p=quarantine; adkim=r; aspf=r"'],
        "ptr": [f"{HOST}."],
        **changes,
    }
    places = {
        "a": (HOST, "A"),
        "mx": (DOMAIN, "MX"),
        "spf": (DOMAIN, "TXT"),
        "key": (KEY, "TXT"),
        "dmarc": (f"_dmarc.{DOMAIN}", "TXT"),
        "ptr": (POINTER, "PTR"),
    }
    return Zone({places[name]: texts for name, texts in records.items()}, dead)


def captured(release: int = 13) -> Received:
    """Return the message as it left a host of that release."""
    return message.parse_dump((FIXTURES / f"dump-{release}.txt").read_bytes())


def sent(received: Received) -> datetime:
    """Return the time when the captured message was sent."""
    return parsedate_to_datetime(message_from_bytes(received.raw)["Date"])


def replaced(old: bytes, new: bytes) -> Received:
    """Return the captured message with one text replaced."""
    received = captured()
    assert old in received.raw
    return Received(received.helo, received.mail_from, received.raw.replace(old, new))
