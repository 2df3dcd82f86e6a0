"""
Written by mailhost. Answers HTTP-01 challenges on port 80 (RFC 8555, section 8.3) for as long as a
command runs: responder.py FOLDER COMMAND ARGUMENT…

A file of the folder is the answer for the token that is its name; nothing else is served.
"""

import contextlib
import os
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

REQUEST = re.compile(rb"GET /\.well-known/acme-challenge/([A-Za-z0-9_-]{1,128}) HTTP/1\.[01]\r?\n")
SECONDS = 5.0


def response(request: bytes, folder: Path) -> bytes:
    """Return the answer to a request."""
    status, body = b"404 Not Found", b""
    if token := REQUEST.match(request):
        with contextlib.suppress(OSError):
            body = (folder / token[1].decode()).read_bytes()
            status = b"200 OK"
    length = b"Content-Type: text/plain\r\nContent-Length: %d\r\n" % len(body)
    return b"HTTP/1.0 " + status + b"\r\n" + length + b"\r\n" + body


def answer(connection: socket.socket, folder: Path) -> None:
    """Answer the one request of a connection."""
    connection.settimeout(SECONDS)
    with connection, contextlib.suppress(OSError):
        request = b""
        while b"\n\r\n" not in request and b"\n\n" not in request and len(request) < 8192:
            if not (more := connection.recv(4096)):
                return
            request += more
        connection.sendall(response(request, folder))


def serve(listening: socket.socket, folder: Path) -> None:
    """Answer everybody at the same time: one who says nothing holds up nobody."""
    while True:
        connection, _ = listening.accept()
        try:
            threading.Thread(target=answer, args=(connection, folder), daemon=True).start()
        except RuntimeError:  # more threads than the unit may have
            connection.close()


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
