"""
OpenDKIM and OpenDMARC, asked as Postfix asks them: by the milter protocol, over their sockets.

The protocol's codes are those of libmilter/mfdef.h (sendmail) and src/milter/milter8.c (Postfix).
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import socket
import struct
from collections.abc import Iterator

from probe.fault import TIMEOUT, Fault

#: The account that Postfix's processes have.
CLIENT = "postfix"

_VERSION, _ALL_ACTIONS, _ALL_STEPS = 6, 0x1FF, 0
_MEANINGS = {
    b"a": "no interest in the message",
    b"d": "throwing it away",
    b"r": "a refusal",
    b"t": "a temporary failure",
    b"y": "a refusal",
}


class Milter:
    """A session with a milter."""

    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(TIMEOUT)
        try:
            with as_account(CLIENT):
                self.socket.connect(path)
        except OSError as error:
            reason = error.strerror or error
            raise Fault(f"{CLIENT} can't reach the socket {path}: {reason}") from None
        self._ask(b"O", struct.pack(">III", _VERSION, _ALL_ACTIONS, _ALL_STEPS), b"O")

    def added(self, sender: str) -> list[str]:
        """Return the names of the headers that a message from a submission service gets."""
        client = struct.pack(">cH", b"4", 25) + _strings("192.0.2.1")
        self._send(b"D", b"C" + _strings("{daemon_name}", "ORIGINATING"))
        self._ask(b"C", _strings("client.invalid") + client)
        self._ask(b"H", _strings("client.invalid"))
        self._ask(b"M", _strings(f"<{sender}>"))
        self._ask(b"R", _strings(f"<{sender}>"))
        for name, value in (("From", sender), ("To", sender), ("Subject", "probe")):
            self._ask(b"L", _strings(name, value))
        self._ask(b"N")
        self._ask(b"B", b"probe\r\n")
        self._send(b"E")
        names = []
        while (packet := self._receive())[:1] in b"hip":
            fields = packet[5:] if packet[:1] == b"i" else packet[1:]
            names.append(fields.split(b"\0")[0].decode(errors="replace"))
        _expect(packet, b"ac")
        return names

    def _ask(self, command: bytes, data: bytes = b"", wanted: bytes = b"c") -> None:
        self._send(command, data)
        _expect(self._receive(), wanted)

    def _send(self, command: bytes, data: bytes = b"") -> None:
        self.socket.sendall(struct.pack(">I", 1 + len(data)) + command + data)

    def _receive(self) -> bytes:
        (length,) = struct.unpack(">I", self._bytes(4))
        return self._bytes(length)

    def _bytes(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            if not (more := self.socket.recv(length - len(data))):
                raise Fault("ends the connection in the middle of a message")
            data += more
        return data


def _strings(*texts: str) -> bytes:
    return b"".join(text.encode() + b"\0" for text in texts)


def _expect(packet: bytes, wanted: bytes) -> None:
    code = packet[:1]
    if code not in wanted:
        raise Fault(f"answers a message with {_MEANINGS.get(code, repr(code))}")


@contextlib.contextmanager
def as_account(name: str) -> Iterator[None]:
    """Have the rights of an account and of its groups."""
    account = pwd.getpwnam(name)
    before = os.getgroups()
    os.setgroups([group.gr_gid for group in grp.getgrall() if name in group.gr_mem])
    os.setegid(account.pw_gid)
    os.seteuid(account.pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(before)


@contextlib.contextmanager
def milter(path: str) -> Iterator[Milter]:
    """A session with a milter; what the system says becomes a sentence."""
    opened = None
    try:
        opened = Milter(path)
        yield opened
    except TimeoutError:
        raise Fault(f"{path}: no answer in {TIMEOUT:g} seconds") from None
    except OSError as error:
        raise Fault(f"{path}: {error.strerror}") from None
    finally:
        if opened:
            opened.socket.close()


def signs(path: str, domain: str) -> None:
    """OpenDKIM signs for a domain."""
    with milter(path) as dkim:
        try:
            names = dkim.added(f"probe@{domain}")
        except Fault as fault:
            raise Fault(f"can't sign for {domain}: {fault}") from None
        if "DKIM-Signature" not in names:
            raise Fault(f"does not sign for {domain}")


def answers(path: str) -> None:
    """A milter is there for Postfix."""
    with milter(path):
        pass
