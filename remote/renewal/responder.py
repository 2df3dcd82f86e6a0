"""
Written by mailhost. Answers HTTP-01 challenges on port 80 (RFC 8555, section 8.3) for as long as a
command runs: responder.py FOLDER COMMAND ARGUMENT…

A file of the folder is the answer for the token that is its name; nothing else is served.
"""

import contextlib
import os
import re
import selectors
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Collection
from pathlib import Path

REQUEST = re.compile(rb"GET /\.well-known/acme-challenge/([A-Za-z0-9_-]{1,128}) HTTP/1\.[01]\r?\n")
#: From a connection to its end.
SECONDS = 5.0
#: As many connections at the same time, and bytes of a request.
CLIENTS = 256
LONGEST = 8192


def response(request: bytes, folder: Path) -> bytes:
    """Return the answer to a request."""
    status, body = b"404 Not Found", b""
    if token := REQUEST.match(request):
        with contextlib.suppress(OSError):
            body = (folder / token[1].decode()).read_bytes()
            status = b"200 OK"
    length = b"Content-Type: text/plain\r\nContent-Length: %d\r\n" % len(body)
    return b"HTTP/1.0 " + status + b"\r\n" + length + b"\r\n" + body


class Client:
    """One connection: who it is from, until when it may take, what it has said."""

    def __init__(self, connection: socket.socket, address: str) -> None:
        self.connection = connection
        self.network = network(address)
        self.deadline = time.monotonic() + SECONDS
        self.request = b""


def network(address: str) -> bytes:
    """Return what is one person's: an IPv4 address, or the /64 of an IPv6 address."""
    if ":" not in address:
        return socket.inet_pton(socket.AF_INET, address)
    number = socket.inet_pton(socket.AF_INET6, address.partition("%")[0])
    return number if number.startswith(bytes(10) + b"\xff\xff") else number[:8]


def most_crowded(clients: Collection[Client]) -> Client:
    """Return the first of the clients whose network has the most of them."""
    counts = Counter(client.network for client in clients)
    return max(clients, key=lambda client: counts[client.network])


def finished(client: Client, folder: Path) -> bool:
    """Take what a client says, and answer a whole request; return whether it is done with."""
    try:
        more = client.connection.recv(4096)
        client.request += more
        whole = b"\n\r\n" in client.request or b"\n\n" in client.request
        if whole or len(client.request) >= LONGEST:
            # A new connection takes so few bytes at once: nobody can hold up the answer.
            client.connection.send(response(client.request, folder))
            return True
    except BlockingIOError:
        return False
    except OSError:
        return True
    return not more


def serve(listening: socket.socket, folder: Path) -> None:
    """
    Answer everybody at the same time, each within SECONDS of its connection, whatever it says.

    Where CLIENTS are there, the network that has the most loses one: those who hold many
    connections keep out nobody but themselves.
    """
    clients: dict[Client, None] = {}  # as a list that is quick to search, the oldest first
    with selectors.DefaultSelector() as selector:
        listening.setblocking(False)
        selector.register(listening, selectors.EVENT_READ)

        def drop(client: Client) -> None:
            selector.unregister(client.connection)
            client.connection.close()
            del clients[client]

        def accept() -> None:
            with contextlib.suppress(OSError):  # it has gone again
                connection, (address, *_) = listening.accept()
                connection.setblocking(False)
                client = Client(connection, address)
                selector.register(connection, selectors.EVENT_READ, client)
                clients[client] = None
            if len(clients) > CLIENTS:
                drop(most_crowded(clients))

        while True:
            first = next(iter(clients), None)
            patience = max(0.0, first.deadline - time.monotonic()) if first else None
            for key, _ in selector.select(patience):
                if key.fileobj is listening:
                    accept()
                elif key.data in clients and finished(key.data, folder):
                    drop(key.data)
            now = time.monotonic()
            for client in [each for each in clients if each.deadline <= now]:
                drop(client)


def listen() -> socket.socket:
    """Listen on port 80 of all addresses."""
    if socket.has_dualstack_ipv6():
        return socket.create_server(("::", 80), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", 80))


def main(folder: str, *command: str) -> int:
    """Serve while the command runs; return its exit code."""
    try:
        listening = listen()
    except OSError as error:
        print(
            f"port 80 can't be listened on ({os.strerror(error.errno or 0)}): stop what does "
            "(`ss -ltnp sport = :80`), or set mail_tls.dns_server or mail_tls.hook",
            file=sys.stderr,
        )
        return 1
    threading.Thread(target=serve, args=(listening, Path(folder)), daemon=True).start()
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
