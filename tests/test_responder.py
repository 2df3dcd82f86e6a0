"""remote/renewal/responder.py: nobody can hold port 80."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from renewal import responder


@pytest.fixture
def port_80(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    """The place of a responder that knows one token, and has room for three clients."""
    (tmp_path / "token").write_text("token.thumbprint")
    monkeypatch.setattr(responder, "CLIENTS", 3)
    monkeypatch.setattr(responder, "SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = (listening, tmp_path)
        threading.Thread(target=responder.serve, args=serving, daemon=True).start()
        yield listening.getsockname()


def answer(place: tuple[str, int], source: str) -> bytes:
    """Return what the responder answers to a proper request from an address of this machine."""
    with socket.create_connection(place, 5, source_address=(source, 0)) as client:
        client.sendall(b"GET /.well-known/acme-challenge/token HTTP/1.1\r\nHost: x\r\n\r\n")
        return client.makefile("rb").read()


def test_who_trickles_is_cut_off_at_one_deadline(port_80: tuple[str, int]) -> None:
    began = time.monotonic()
    with socket.create_connection(port_80, 5) as client, contextlib.suppress(OSError):
        while time.monotonic() < began + 5:
            client.sendall(b"G")
            time.sleep(0.05)
    assert time.monotonic() - began < 2


def test_who_holds_many_connections_keeps_nobody_else_out(port_80: tuple[str, int]) -> None:
    with contextlib.ExitStack() as held:
        for _ in range(9):
            place = socket.create_connection(port_80, 5, source_address=("127.0.0.2", 0))
            held.enter_context(place)
        assert answer(port_80, "127.0.0.3").endswith(b"token.thumbprint")
        assert answer(port_80, "127.0.0.2").endswith(b"token.thumbprint")


def test_the_network_with_the_most_clients_loses_its_oldest() -> None:
    addresses = ("::ffff:192.0.2.1", "2001:db8::1", "2001:db8::2", "::ffff:192.0.2.2", "192.0.2.1")
    clients = [responder.Client(socket.socket(), address) for address in addresses]
    assert responder.most_crowded(clients) is clients[1]
    assert len({client.network for client in clients}) == 4
    for client in clients:
        client.connection.close()
