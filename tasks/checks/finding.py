"""One result of `make check`: what was seen, what would be right, and what to do about it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from facts.text import printable


class Severity(StrEnum):
    """How bad it is when a check fails."""

    REQUIRED = "required"  # mail is lost or refused
    RECOMMENDED = "recommended"  # trust, comfort or safety is lost
    INFO = "info"  # worth knowing


class Status(StrEnum):
    """How a check ended."""

    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "unknown"  # nobody could look; it does not mean that all is well


@dataclass(frozen=True)
class Finding:
    """What one check found out about one thing. Its texts quote other hosts: they are printable."""

    id: str  # of the check, stable over versions, e.g. "dns.spf"
    subject: str  # what was looked at, e.g. "example.org TXT" or "port 465"
    severity: Severity
    status: Status
    seen: str
    wanted: str
    remedy: str = ""  # one line: what to do; "" where all is well

    def __post_init__(self) -> None:
        for name in ("subject", "seen", "wanted", "remedy"):
            object.__setattr__(self, name, printable(getattr(self, name)))


#: What may run in a thread of its own.
Check = Callable[[], list[Finding]]
