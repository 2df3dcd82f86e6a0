"""What DNS says: the answer of one server, and the answers of all servers of a zone."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

import dns.exception
import dns.message
import dns.rcode
import dns.rdata
from dns.rdtypes.ANY.TXT import TXT

Address = IPv4Address | IPv6Address
SILENCE = "does not answer"


@dataclass(frozen=True)
class Answer:
    """What one server said of one name and type."""

    records: tuple[str, ...] = ()  # as `content` has them, sorted; none: there is no such record
    alias: str = ""  # the name that a CNAME leads to
    error: str = ""  # why there is no answer; "no such name" is an answer

    @property
    def silent(self) -> bool:
        """Whether there is no answer because none came in time."""
        return self.error.endswith(SILENCE)


@dataclass(frozen=True)
class Server:
    """One address of an authoritative name server."""

    name: str
    address: str

    def __str__(self) -> str:
        return f"{self.name} ({self.address})"


@dataclass(frozen=True)
class Zone:
    """A zone and the servers that answer for it."""

    name: str = ""  # "" where no zone was found above a name
    servers: tuple[Server, ...] = ()  # the ones that answer with authority
    problems: tuple[str, ...] = ()  # of the other servers, one line each
    error: str = ""  # why nothing is known of the zone


@dataclass(frozen=True)
class View:
    """What the world sees of one name and type: each authoritative server, and the resolver."""

    name: str
    type: str
    zone: Zone
    at: dict[Server, Answer]
    resolver: Answer

    @property
    def answers(self) -> tuple[Answer, ...]:
        """The different answers; only the resolver's where no authoritative server answers."""
        if not self.zone.name and not self.zone.error:
            return ()  # the name is in no zone, and dns.servers says so
        told = dict.fromkeys(answer for answer in self.at.values() if not answer.error)
        return tuple(told) or (() if self.resolver.error else (self.resolver,))

    @property
    def error(self) -> str:
        """Why there is no answer at all."""
        if not self.zone.name and not self.zone.error:
            return "its domain has no name servers"
        return self.resolver.error or self.zone.error

    def __str__(self) -> str:
        return f"{self.name} {self.type}"


def content(kind: str, text: str) -> str:
    """Return a record's content in one form: the whole text of TXT, all others in lower case."""
    return text if kind == "TXT" else _content(dns.rdata.from_text("IN", kind, text))


def _content(rdata: dns.rdata.Rdata) -> str:
    if isinstance(rdata, TXT):
        return b"".join(rdata.strings).decode("utf-8", "backslashreplace")
    return rdata.to_text().lower()


def read_reply(reply: dns.message.Message, name: str, kind: str, address: str) -> Answer:
    """Return what a server's reply says of a name and type."""
    if reply.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        said = dns.rcode.to_text(reply.rcode())
        return Answer(error=f"the server {address} answers {said} for {name} {kind}")
    try:
        if not isinstance(reply, dns.message.QueryMessage):
            raise dns.message.NotQueryResponse
        chain = reply.resolve_chaining()
    except dns.exception.DNSException as error:
        return Answer(error=f"the server {address} answers nonsense for {name} {kind}: {error}")
    alias = "" if not chain.cnames else chain.canonical_name.to_text(omit_final_dot=True).lower()
    records = () if chain.answer is None else tuple(sorted(_content(one) for one in chain.answer))
    return Answer(records, alias)


def tags(text: str) -> dict[str, str]:
    """Parse the "name=value; name=value" of DKIM, DMARC and others (RFC 6376, 3.2)."""
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip().lower(): value.strip() for name, equals, value in pairs if equals}
