"""python3 -m limits DATABASE PLAN; with --check for the database, the plan is read only."""

from __future__ import annotations

import socket
import sys

from limits import plan
from limits.counts import Counts
from limits.server import Server


def main(database: str, path: str) -> None:
    """Serve until nobody is connected."""
    counts = Counts(database, plan.read(path))
    if database != "--check":
        Server(socket.socket(fileno=3), counts).serve()  # systemd's, see sd_listen_fds(3)


if __name__ == "__main__":
    main(*sys.argv[1:])
