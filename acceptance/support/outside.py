"""How a host looks from outside: from the peer."""

from __future__ import annotations

import contextlib
import imaplib
from collections.abc import Iterator
from pathlib import Path

from acceptance.support.mailhost import MailHost

TRICKLE = Path(__file__).parent.parent / "programs/trickle.py"

# How each port answers; one that a rule refuses answers as one that nobody listens on.
CONNECT = """
import socket, sys
for port in sys.argv[2:]:
    try:
        socket.create_connection((sys.argv[1], int(port)), 3).close()
        print(port, "open")
    except OSError as error:
        print(port, type(error).__name__)
"""


def ports(host: MailHost, *numbers: int) -> dict[int, str]:
    """Return how ports of the host answer the peer."""
    words = (str(number) for number in numbers)
    said = host.peer.exec("python3", "-c", CONNECT, host.target.address, *words)
    return {int(port): answer for port, answer in (line.split() for line in said.splitlines())}


@contextlib.contextmanager
def trickling(host: MailHost) -> Iterator[None]:
    """Clients of port 80 on the host itself, where no firewall is, that never end a request."""
    unit = ("systemd-run", "-q", "--collect", "--unit=trickle", "--property=LimitNOFILE=4096")
    host.run(*unit, "python3", "-c", TRICKLE.read_text(), "127.0.0.1")
    try:
        yield
    finally:
        host.run("systemctl", "stop", "trickle")


@contextlib.contextmanager
def idling(host: MailHost, count: int) -> Iterator[list[imaplib.IMAP4]]:
    """That many sessions of alice's, each in IDLE (RFC 2177); all have to be there at the end."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(host.imap("alice")) for _ in range(count)]
        for client in clients:
            client.select()
            client.send(b"idle IDLE\r\n")
            assert client.readline().startswith(b"+")
        yield clients
        for client in clients:
            client.send(b"DONE\r\n")
            while not (line := client.readline()).startswith(b"idle"):
                assert line.startswith(b"* "), line
            assert line.startswith(b"idle OK")
            assert client.noop()[0] == "OK"
