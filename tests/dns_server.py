"""A name server for unit tests: it answers from a table, on an address in 127.0.0.0/8."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

Table = Mapping[tuple[str, str], Sequence[str]]


@contextlib.contextmanager
def silent(address: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """A port that takes every question and never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((address, port))
        yield sock.getsockname()[1]


@contextlib.contextmanager
def serving(
    table: Table, address: str = "127.0.0.1", port: int = 0, authoritative: bool = True
) -> Iterator[int]:
    """
    Serve a table of (name, type) -> contents; yield the port.

    A content "REFUSED" refuses the question; a CNAME answers for every type of its name.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((address, port))
        thread = threading.Thread(target=_serve, args=(sock, table, authoritative))
        thread.start()
        try:
            yield sock.getsockname()[1]
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stop:
                stop.sendto(b"", sock.getsockname())
            thread.join()


def _serve(sock: socket.socket, table: Table, authoritative: bool) -> None:
    while True:
        data, client = sock.recvfrom(4096)
        if not data:
            return
        reply = _reply(dns.message.from_wire(data), table)
        if authoritative:
            reply.flags |= dns.flags.AA
        sock.sendto(reply.to_wire(), client)


def _reply(query: dns.message.Message, table: Table) -> dns.message.Message:
    reply = dns.message.make_response(query)
    question = query.question[0]
    name, type = question.name.to_text(omit_final_dot=True), question.rdtype.name
    for kind in (type, "CNAME"):
        contents = table.get((name, kind), ())
        if contents == ["REFUSED"]:
            reply.set_rcode(dns.rcode.REFUSED)
        elif contents:
            reply.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", kind, *contents))
            if kind == "CNAME" and (target := contents[0].rstrip("."), type) in table:
                found = table[target, type]
                reply.answer.append(dns.rrset.from_text(f"{target}.", 60, "IN", type, *found))
            break
    return reply
