"""
A stranger who says nothing: sent to the peer by test_floods.py, and run there as a service.

`idle.py HOST COUNT PORT…` opens COUNT connections to each port, says so to systemd, and holds them
until it is stopped.
"""

import os
import resource
import selectors
import signal
import socket
import sys


def idle(host: str, count: int, ports: list[int]) -> None:
    """Open connections and hold them."""
    needed = count * len(ports) + 100
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, needed))
    held = selectors.DefaultSelector()
    for _ in range(count):
        for port in ports:
            connection = socket.socket()
            connection.setblocking(False)
            connection.connect_ex((host, port))
            held.register(connection, selectors.EVENT_WRITE)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"].replace("@", "\0", 1))
    signal.pause()


if __name__ == "__main__":
    idle(sys.argv[1], int(sys.argv[2]), [int(port) for port in sys.argv[3:]])
