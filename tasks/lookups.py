"""
Asking DNS: the resolver, and directly each authoritative server of a zone.

Time is bounded: a server gets two tries of two seconds, a server that has never answered is not
asked again, and nobody is asked after the deadline. Safe to use from many threads; each question is
asked once and its answer remembered.
"""

import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.resolver

from settings.models import Settings
from tasks.answers import SILENCE, Answer, Server, View, Zone, read_reply

TRIES = 2
SECONDS = 2.0
T = TypeVar("T")


def resolvers(settings: Settings) -> list[str]:
    """Return the addresses of the resolvers to ask: the inventory's, or this machine's own."""
    if settings.mail_check_resolver:
        return [str(settings.mail_check_resolver)]
    try:
        return [str(server) for server in dns.resolver.Resolver().nameservers]
    except dns.exception.DNSException:
        return []


class Lookups:
    """Questions to resolvers and to authoritative servers."""

    def __init__(
        self,
        resolvers: Sequence[str],  # where one does not answer, the next is asked
        seconds: float = math.inf,  # nobody is asked when they are over
        port: int = 53,  # of all servers
        question_seconds: float = math.inf,  # for all resolvers together
    ) -> None:
        self.resolvers = tuple(resolvers)
        self.views: dict[tuple[str, str], View] = {}
        self._deadline = time.monotonic() + seconds
        self._question_seconds = question_seconds
        self._port = port
        self._answered: set[str] = set()
        self._silent: set[str] = set()
        self._memory: dict[object, object] = {}
        self._locks: dict[object, threading.Lock] = {}
        self._lock = threading.Lock()

    def ask(self, name: str, kind: str) -> Answer:
        """Return what the resolver says."""
        return self._once(("resolver", name, kind), lambda: self._ask_resolvers(name, kind))

    def addresses(self, name: str) -> set[str]:
        """Return the IPv4 and IPv6 addresses that the resolver has of a name."""
        return {*self.ask(name, "A").records, *self.ask(name, "AAAA").records}

    def everywhere(self, name: str, kind: str) -> View:
        """Return what each authoritative server of the name's zone says, and the resolver."""
        return self._once(("view", name, kind), lambda: self._view(name, kind))

    def zone(self, name: str) -> Zone:
        """Return the zone that a name is in, found by the resolver (RFC 1034, 4.2.1)."""
        labels = name.split(".")
        for start in range(len(labels) - 1):  # a top-level domain is nobody's own zone
            candidate = ".".join(labels[start:])
            answer = self.ask(candidate, "NS")
            if answer.error:
                return Zone(error=answer.error)
            if answer.records and not answer.alias:
                servers = [server.rstrip(".") for server in answer.records]
                return self._once(("zone", candidate), partial(self._zone, candidate, servers))
        return Zone()

    # ---- one question -------------------------------------------------------------------------
    def _once(self, key: object, work: Callable[[], T]) -> T:
        """Do a piece of work once, even if several threads want it at the same time."""
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            if key not in self._memory:
                self._memory[key] = work()
            return self._memory[key]  # type: ignore[return-value]

    def _ask_resolvers(self, name: str, kind: str) -> Answer:
        answer = Answer(error="this machine has no resolver")
        began = time.monotonic()
        end = min(self._deadline, began + self._question_seconds)
        for turn, address in enumerate(self.resolvers, start=1):
            # Each has its share of the time, so that a silent one leaves some for the next.
            deadline = began + (end - began) * turn / len(self.resolvers)
            answer, _ = self._query(address, name, kind, True, deadline)
            if not answer.error:
                break
        return answer

    def _query(
        self,
        address: str,
        name: str,
        kind: str,
        recursive: bool = False,
        deadline: float = math.inf,
    ) -> tuple[Answer, bool]:
        """Return a server's answer, and whether it has authority for it."""
        try:
            query = dns.message.make_query(name, kind, use_edns=0, payload=1232)
        except dns.exception.DNSException:
            return Answer(), False  # what is no name, in an SPF record for example, has no records
        if not recursive:
            query.flags &= ~dns.flags.RD
        problem = SILENCE
        for _ in range(TRIES):
            left = min(self._deadline, deadline) - time.monotonic()
            with self._lock:
                if address in self._silent or left <= 0:
                    break
            try:
                reply, _ = dns.query.udp_with_fallback(
                    query, address, min(SECONDS, left), self._port, ignore_unexpected=True
                )
            except dns.exception.Timeout:
                continue
            except (OSError, EOFError, dns.exception.DNSException) as error:
                problem = f"can't be asked: {error}"
                break
            with self._lock:
                self._answered.add(address)
            return read_reply(reply, name, kind, address), bool(reply.flags & dns.flags.AA)
        with self._lock:
            if address not in self._answered:
                self._silent.add(address)
        who = "resolver" if recursive else "name server"
        return Answer(error=f"the {who} {address} {problem}"), False

    # ---- the authoritative servers --------------------------------------------------------------
    def _view(self, name: str, kind: str) -> View:
        zone = self.zone(name)
        at = {}
        for server in zone.servers:
            answer, _ = self._query(server.address, name, kind)
            if answer.alias and not answer.records and not answer.error:
                # The alias leads out of the zone, and this server knows nothing beyond it.
                answer = Answer(self.ask(answer.alias, kind).records, answer.alias)
            at[server] = answer
        self.views[name, kind] = View(name, kind, zone, at, self.ask(name, kind))
        return self.views[name, kind]

    def _zone(self, name: str, servers: Sequence[str]) -> Zone:
        addresses = {server: sorted(self.addresses(server)) for server in servers}
        found = [Server(server, address) for server, each in addresses.items() for address in each]
        with ThreadPoolExecutor(max(1, len(found))) as threads:
            said = threads.map(lambda server: self._fault(server, name), found)
            faults = dict(zip(found, said, strict=True))
        problems = [f"{server} has no address" for server, each in addresses.items() if not each]
        problems += [f"{server} {fault}" for server, fault in faults.items() if fault]
        right = tuple(server for server, fault in faults.items() if fault == "")
        return Zone(name, right, tuple(problems))

    def _fault(self, server: Server, zone: str) -> str | None:
        """Return what is wrong with a server of a zone, "" for nothing, None if nobody can know."""
        answer, authoritative = self._query(server.address, zone, "SOA")
        if "can't be asked" in answer.error and ":" in server.address:
            return None  # this machine has no IPv6
        if answer.error:
            return answer.error.partition(f"{server.address} ")[2]
        return "" if authoritative and answer.records else "does not know the zone"
