"""How a host looks from outside: from the peer."""

from __future__ import annotations

from acceptance.support.mailhost import MailHost

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
