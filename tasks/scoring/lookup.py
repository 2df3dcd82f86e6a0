"""DNS as the rest of the world sees it: by the resolver of the inventory, or this machine's own."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import dns.exception
import dns.name
import dns.resolver
import dns.reversename

#: Seconds for one question, with all its retries.
TIMEOUT = 5.0


class LookupFailed(Exception):
    """The resolver gave no answer, which is not the same as "there is no such record"."""


class Lookup:
    """Questions to one resolver."""

    def __init__(self, resolver: IPv4Address | IPv6Address | None = None) -> None:
        try:
            self._resolver = dns.resolver.Resolver(configure=resolver is None)
        except dns.exception.DNSException as error:
            raise LookupFailed(f"this machine has no DNS resolver ({error})") from None
        if resolver is not None:
            self._resolver.nameservers = [str(resolver)]

    def records(self, name: str, kind: str) -> list[Any]:
        """Return the records of a type (dnspython's rdata); aliases (CNAME) are followed."""
        try:
            # Absolute: a search list of this machine has no say.
            answer = self._resolver.resolve(f"{name.rstrip('.')}.", kind, lifetime=TIMEOUT)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except (dns.exception.SyntaxError, dns.name.NameTooLong):
            return []  # what is no name, in an SPF record for example, has no records
        except dns.exception.Timeout:
            servers = ", ".join(map(str, self._resolver.nameservers))
            raise LookupFailed(f"no answer from {servers} to {kind} of {name}") from None
        except (dns.exception.DNSException, OSError) as error:
            raise LookupFailed(f"{kind} of {name}: {error}") from None
        return list(answer)

    def texts(self, name: str) -> list[str]:
        """Return the TXT records, each as one string."""
        return [b"".join(each.strings).decode("latin-1") for each in self.records(name, "TXT")]

    def addresses(self, name: str) -> set[IPv4Address | IPv6Address]:
        """Return the addresses of both families."""
        found = [*self.records(name, "A"), *self.records(name, "AAAA")]
        return {ip_address(each.address) for each in found}

    def pointers(self, address: IPv4Address | IPv6Address) -> list[str]:
        """Return the names that an address has in reverse DNS."""
        name = dns.reversename.from_address(str(address)).to_text()
        return [
            each.target.to_text(omit_final_dot=True).lower() for each in self.records(name, "PTR")
        ]
