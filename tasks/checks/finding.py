"""One result of `make check`: what was seen, what would be right, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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
    """
    + id: which check, stable over versions, e.g. "dns.spf"
    + subject: what was looked at, e.g. "example.org TXT" or "port 465"
    + seen, wanted: what is there, and what would be right
    + remedy: one line: what to do; "" where all is well
    """

    id: str
    subject: str
    severity: Severity
    status: Status
    seen: str
    wanted: str
    remedy: str = ""
