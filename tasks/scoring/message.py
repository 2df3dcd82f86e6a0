"""The message of `make score`: as it is sent, and as it left the host."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import headerregistry, message_from_bytes, policy
from email.message import EmailMessage
from email.utils import format_datetime, formatdate, make_msgid, parsedate_to_datetime

from tasks.answers import Address
from tasks.scoring.part import Aspect, Part

ASPECT = Aspect("score.format", "format", "Date, Message-ID, From, To, Subject and sound MIME", 0.5)

# A letter between two people. Most mail programs send plain text and the same text as HTML.
_PARAGRAPHS = (
    "Hello Robin,",
    "thank you for the photos, they are lovely. Shall we have lunch on\n"
    "Thursday? The small place by the river opens at noon, and I can bring\n"
    "the book that you asked for.",
    "See you soon\nAlex",
)


def compose(sender: str, recipient: str, token: str) -> EmailMessage:
    """Return the message to send; the token, letters and digits, is in no other message."""
    mail = EmailMessage(policy=policy.SMTP)
    mail["From"] = headerregistry.Address("Alex Miller", addr_spec=sender)
    mail["To"] = headerregistry.Address("Robin Jones", addr_spec=recipient)
    mail["Subject"] = "Lunch on Thursday"
    mail["Date"] = formatdate(localtime=True)
    mail["Message-ID"] = make_msgid(token, domain=sender.rpartition("@")[2])
    mail.set_content("\n\n".join(_PARAGRAPHS) + "\n")
    paragraphs = ("<br>\n".join(each.splitlines()) for each in _PARAGRAPHS)
    body = "".join(f"<p>{each}</p>\n" for each in paragraphs)
    mail.add_alternative(f"<html><body>\n{body}</body></html>\n", subtype="html")
    mail.set_boundary(token)
    return mail


def end_mark(token: str) -> str:
    """Return the last line of the message: it shows that the message is complete (RFC 2046)."""
    return f"--{token}--"


@dataclass(frozen=True)
class Received:
    """The message as a receiving site gets it."""

    helo: str  # what the host said in the SMTP session
    mail_from: str
    raw: bytes  # the message, with CRLF

    @property
    def sender_domain(self) -> str:
        """The domain that SPF judges."""
        return self.mail_from.rpartition("@")[2]

    @property
    def from_domain(self) -> str:
        """The domain of the address in From, which DMARC judges."""
        header = message_from_bytes(self.raw, policy=policy.default)["From"]
        addresses = header.addresses if header else ()
        return addresses[0].domain.lower() if addresses else ""

    def from_client(self, address: Address, pointer: str | None, now: datetime) -> bytes:
        """Return the message as a receiving site stores it; the pointer is a confirmed name."""
        literal = f"IPv6:{address}" if address.version == 6 else str(address)
        client = f"{pointer or 'unknown'} [{literal}]"
        field = (
            f"Received: from {self.helo} ({client})\r\n"
            f"\tby mx.receiver.invalid (Postfix) with ESMTPS id 4CtMlx0Wg0z1\r\n"
            f"\tfor <robin@receiver.invalid>; {format_datetime(now)}\r\n"
        )
        return field.encode() + self.raw


# Above the message smtp-sink(1) writes what the session said, and a Received field of its own.
_DUMP = re.compile(
    rb"X-Client-Addr: .*\n"
    rb"X-Client-Proto: .*\n"
    rb"X-Helo-Args: (?P<helo>.*)\n"
    rb"X-Mail-Args: <(?P<sender>.*?)>.*\n"
    rb"(?:X-Rcpt-Args: .*\n)+"
    rb"Received: .*\n(?:\t.*\n)*"
)


def parse_dump(dump: bytes) -> Received:
    """Parse what `smtp-sink -d` wrote of one message."""
    head = _DUMP.match(dump)
    if not head:
        raise ValueError("this is no dump of smtp-sink")
    raw = re.sub(rb"\r?\n", b"\r\n", dump[head.end() :])
    helo, sender = (head[name].decode("latin-1").lower() for name in ("helo", "sender"))
    return Received(helo, sender, raw)


def part(received: Received, now: datetime) -> Part:
    """Judge the message's form (RFC 5322)."""
    problems = _problems(received.raw, now)
    if problems:
        remedy = "look at what changes mail on the host: milters and header_checks in main.cf"
        return ASPECT.bad("message", "; ".join(problems), remedy)
    return ASPECT.good("message", f"{len(received.raw)} bytes, plain text and HTML")


def _problems(raw: bytes, now: datetime) -> list[str]:
    mail = message_from_bytes(raw, policy=policy.default)
    found = []
    for name in ("Date", "Message-ID", "From", "To", "Subject"):
        if len(mail.get_all(name, [])) != 1:
            found.append(f"{len(mail.get_all(name, []))} fields {name} instead of one")
    try:
        late = abs(now - parsedate_to_datetime(str(mail["Date"])).astimezone(UTC))
        if late > timedelta(hours=1):
            found.append(f"Date is {late} off: one of the two clocks is wrong")
    except ValueError:
        found.append(f"Date is no date: {mail['Date']}")
    if not re.fullmatch(r"<[^<>@\s]+@[^<>@\s]+>", str(mail["Message-ID"]).strip()):
        found.append(f"Message-ID is none: {mail['Message-ID']}")
    kinds = [each.get_content_type() for each in mail.walk()]
    if kinds != ["multipart/alternative", "text/plain", "text/html"]:
        found.append(f"the MIME parts came as {', '.join(kinds)}")
    found += [type(defect).__name__ for each in mail.walk() for defect in each.defects]
    if any(len(line) > 998 for line in raw.split(b"\r\n")):
        found.append("a line is longer than 998 bytes")
    return found
