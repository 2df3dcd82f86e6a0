"""The socket that systemd listens on, and the smtpd processes that are connected."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import threading
import traceback

from limits.counts import Counts
from limits.notice import Notices
from limits.policy import Session

IDLE = 60  # seconds without a connection, and the process ends


class Server:
    """One loop answers all connections: a thread for each would cost as much as the counting."""

    def __init__(self, listening: socket.socket, counts: Counts) -> None:
        self._counts = counts
        self._notices = Notices(counts)
        self._sockets = selectors.DefaultSelector()
        self._sockets.register(listening, selectors.EVENT_READ)

    def serve(self) -> None:
        """Answer until nobody is connected, and nobody comes for a while; end by SIGTERM."""
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        threading.Thread(target=self._stop, daemon=True).start()
        while (ready := self._sockets.select(IDLE)) or len(self._sockets.get_map()) > 1:
            for key, _ in ready:
                if key.data:
                    self._go_on(key.data)
                else:
                    self._accept(key.fileobj)  # type: ignore[arg-type]

    def _accept(self, listening: socket.socket) -> None:
        session = Session(listening.accept()[0], self._counts, self._notices.begin)
        self._sockets.register(session.connection, selectors.EVENT_READ, session)

    def _go_on(self, session: Session) -> None:
        """A failure ends the connection: smtpd says 451 by itself."""
        try:
            if session.go_on():
                return
        except Exception:
            traceback.print_exc()
        self._sockets.unregister(session.connection)
        session.connection.close()

    def _stop(self) -> None:
        """
        End by SIGTERM, but not between sending a notice and noting that it was sent.

        In a thread of its own: a handler would wait in the loop, which may hold what a notice's
        thread needs.
        """
        signal.sigwait([signal.SIGTERM])
        with self._notices.sending:
            os._exit(0)
