"""remote/probe: what it reports of services that answer wrongly, without Docker."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import pytest
from probe import mail, milters
from probe.__main__ import CHECKS, faults
from probe.fault import Fault


@contextmanager
def server(listener: socket.socket, serve: Callable[[socket.socket], None]) -> Iterator[None]:
    """Serve one connection."""

    def once() -> None:
        with suppress(OSError), listener.accept()[0] as connection:
            serve(connection)

    thread = threading.Thread(target=once, daemon=True)
    thread.start()
    try:
        yield
    finally:
        listener.close()


def says(*lines: bytes) -> Callable[[socket.socket], None]:
    """A service that sends the first line, then one for each line that it receives."""

    def serve(connection: socket.socket) -> None:
        heard = connection.makefile("rb")
        for line in lines:
            connection.sendall(line)
            heard.readline()

    return serve


@contextmanager
def listening(*lines: bytes) -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    with server(listener, says(*lines)):
        yield str(listener.getsockname()[1])


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ([b"SSH-2.0-x\r\n"], "a connection is answered with 'SSH-2.0-x', not with '220 mail.test'"),
        ([], "a connection gets no answer, it is closed"),
        ([b"220 mail.test\r\n", b"250-mail.test\r\n250 SIZE\r\n"], "no STARTTLS offered"),
        (
            [b"220 mail.test\r\n", b"250-STARTTLS\r\n250 AUTH PLAIN\r\n"],
            "AUTH offered without TLS",
        ),
        (
            [b"220 mail.test\r\n", b"250 STARTTLS\r\n", b"454 4.7.0 not now\r\n"],
            "STARTTLS is answered with '454 4.7.0 not now', not with '220'",
        ),
        (
            [b"220 mail.test\r\n", b"250 STARTTLS\r\n", b"220 go\r\n", b"plain text\r\n"],
            "no TLS: WRONG_VERSION_NUMBER",
        ),
    ],
)
def test_what_is_wrong_with_port_25(lines: list[bytes], sentence: str) -> None:
    with listening(*lines) as port, pytest.raises(Fault) as fault:
        mail.smtp(port, "mail.test", "/nowhere", "postmaster@example.test")
    if sentence.startswith("no TLS"):
        assert str(fault.value).startswith(f"port {port}: no TLS: ")
    else:
        assert str(fault.value) == f"port {port}: {sentence}"


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
    with pytest.raises(Fault, match=f"port {port}: Connection refused"):
        mail.pop3(port, "tls", "/nowhere")


def packets(*answers: bytes) -> Callable[[socket.socket], None]:
    """A milter with an answer for each command except macros."""

    def serve(connection: socket.socket) -> None:
        stream = connection.makefile("rb")
        for answer in answers:
            while (command := stream.read(struct.unpack(">I", stream.read(4))[0]))[:1] == b"D":
                pass
            headers = [b"hDKIM-Signature\0v=1;\0"] if command[:1] == b"E" and answer else []
            for packet in filter(None, [*headers, answer]):
                connection.sendall(struct.pack(">I", len(packet)) + packet)

    return serve


@pytest.fixture
def milter_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a path where a milter may listen; the probe asks it with the tests' own rights."""
    monkeypatch.setattr(milters, "as_account", lambda _name: nullcontext())
    return str(tmp_path / "milter")


CONTINUE = [b"c"] * 9


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        ([b"O" + bytes(12), *CONTINUE, b"a"], ""),
        (
            [b"O" + bytes(12), b"t"],
            "can't sign for a.test: answers a message with a temporary failure",
        ),
        ([b"O" + bytes(12), b"a"], "can't sign for a.test: answers a message with no interest"),
        (
            [b"O" + bytes(12), *CONTINUE, b""],
            "can't sign for a.test: ends the connection in the middle of a message",
        ),
    ],
)
def test_what_is_wrong_with_the_signer(
    milter_path: str, answers: list[bytes], sentence: str
) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(milter_path)
    listener.listen()
    with server(listener, packets(*answers)):
        if not sentence:
            milters.signs(milter_path, "a.test")
            return
        with pytest.raises(Fault, match=sentence):
            milters.signs(milter_path, "a.test")


def test_a_socket_that_is_missing(milter_path: str) -> None:
    with pytest.raises(Fault, match=r"^postfix can't reach the socket .*: No such file"):
        milters.answers(milter_path)


def test_each_service_says_the_first_thing_that_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def greets(port: str) -> None:
        if port != "25":
            raise Fault(f"port {port}: no")

    monkeypatch.setattr("probe.__main__.PATIENCE", 0.0)
    monkeypatch.setattr("probe.__main__.states", lambda units: dict.fromkeys(units, "active"))
    monkeypatch.setitem(CHECKS, "greets", greets)
    lines = ["a a.service greets 25", "b b.service greets 1", "b b.service greets 2"]
    assert faults(lines) == {"b.service": "b: port 1: no"}


def test_one_that_dies_while_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    told = iter(["active", "failed"])
    monkeypatch.setattr("probe.__main__.states", lambda units: dict.fromkeys(units, next(told)))
    monkeypatch.setitem(CHECKS, "greets", lambda port: None)
    lines = ["a a.service runs a.service", "a a.service greets 25"]
    assert faults(lines) == {"a.service": "a: a.service is failed"}
