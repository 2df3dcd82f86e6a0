"""
A stranger who attacks a mail host: sent to the peer by test_floods.py, and run there.

`attacks.py HOST` runs all attacks at once, and prints what the host answered to each, and after
how many seconds, as JSON.
"""

import json
import random
import socket
import ssl
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

HOST = ""
PATIENCE = 60  # seconds without an answer
CRLF = b"\r\n"
MIB = 2**20


class Session:
    """A connection that reads answers line by line, and no more than the host sends."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection((HOST, port), PATIENCE)
        self.lines = self.socket.makefile("rb")

    def answer(self) -> str:
        """Return the next answer's last line, "closed" where there is none."""
        try:
            while line := self.lines.readline():
                if line[3:4] != b"-":
                    return line.decode(errors="replace").strip()
        except OSError:
            pass
        return "closed"

    def answers(self) -> list[str]:
        """Return all that is left to read."""
        found = []
        while (line := self.answer()) != "closed":
            found.append(line)
        return found

    def send(self, data: bytes) -> bool:
        """Send; return whether the host took it all."""
        try:
            self.socket.sendall(data)
        except OSError:
            return False
        return True

    def say(self, *lines: bytes) -> str:
        """Send lines one after the other; return the answer to the last."""
        said = ""
        for line in lines:
            self.send(line + CRLF)
            said = self.answer()
        return said


def smtp(*lines: bytes) -> Session:
    """A session on port 25, after EHLO and further lines."""
    session = Session(25)
    session.answer()
    session.say(b"EHLO mx.world.test", *lines)
    return session


def message(*recipients: bytes) -> Session:
    """A session after DATA, for alice unless somebody else is named."""
    to = recipients or (b"alice@example.test",)
    return smtp(
        b"MAIL FROM:<stranger@world.test>", *(b"RCPT TO:<%s>" % each for each in to), b"DATA"
    )


def endless_command() -> str:
    """One line of 4 MiB."""
    session = smtp()
    session.send(b"NOOP " + b"a" * 4 * MIB)
    return session.say(b"")


def endless_line() -> str:
    """A header of one line of 8 MiB, and a body of one."""
    session = message()
    session.send(b"Subject: long line" + CRLF + b"X-Long: " + b"a" * 8 * MIB + CRLF + CRLF)
    session.send(b"b" * 8 * MIB + CRLF)
    return session.say(b".")


def endless_headers() -> str:
    """Headers for as long as they are taken: a message's size and more."""
    session = message()
    block = b"".join(b"X-%d: %s\r\n" % (number, b"a" * 900) for number in range(1000))
    for _ in range(80):
        if not session.send(block):
            break
    return session.say(b".")


def many_recipients() -> list[str]:
    """10,000 recipients, all of them alice's."""
    session = smtp(b"MAIL FROM:<stranger@world.test>")
    found: dict[str, None] = {}
    for number in range(10_000):
        said = session.say(b"RCPT TO:<alice+%d@example.test>" % number)
        found[said] = None
        if said == "closed":
            break
    return list(found)


def unknown_recipients() -> list[str]:
    """Guessed addresses, for as long as they are answered."""
    session = smtp(b"MAIL FROM:<stranger@world.test>")
    return [session.say(b"RCPT TO:<guess%d@example.test>" % number) for number in range(25)]


def talks_first() -> list[str]:
    """A whole session before the greeting, in one packet."""
    session = Session(25)
    session.send(b"EHLO x\r\nMAIL FROM:<a@world.test>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\n")
    return session.answers()


def pipelined() -> list[str]:
    """Commands behind one that nothing may follow."""
    session = smtp()
    session.send(b"MAIL FROM:<a@world.test>\r\nDATA\r\nSubject: x\r\n\r\nRCPT TO:<b>\r\n.\r\n" * 50)
    return session.answers()


def noise() -> list[str]:
    """Random bytes."""
    session = smtp()
    session.send(random.Random(5).randbytes(256 * 1024))
    return session.answers()


def web_browser() -> list[str]:
    """HTTP."""
    session = Session(25)
    session.answer()
    session.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    return session.answers()


def nested_mime() -> str:
    """Parts within parts within parts."""
    session = message()
    session.send(b"Subject: nested MIME\r\nMIME-Version: 1.0\r\n")
    session.send(parts(3000))
    return session.say(b".")


def parts(depth: int) -> bytes:
    """Return the beginnings of so many multiparts, each within the one before."""
    part = b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n'
    return b"".join(part % (number, number) for number in range(depth))


def broken_mime() -> str:
    """Boundaries that never come, NULs, a file name of 1 MB, base64 that is none."""
    session = message()
    session.send(b"Subject: broken MIME\r\nMIME-Version: 1.0\r\n")
    session.send(parts(50))
    session.send(b"Content-Type: text/plain; charset=\0; name*0*=" + b"%41" * 300_000 + CRLF)
    session.send(b"Content-Transfer-Encoding: base64\r\n\r\n=?=?=\0\xff\xfe\r\n--b1--\r\n")
    return session.say(b".")


def tls_noise(port: int, *before: bytes) -> Callable[[], str]:
    """Random bytes where a TLS handshake should be."""

    def attack() -> str:
        session = Session(port)
        if before:
            session.answer()
            session.say(*before)
        session.send(b"\x16\x03\x01\x02\x00" + random.Random(5).randbytes(64 * 1024))
        left = session.answers()
        return "closed" if len(left) < 2 else left[-1]

    return attack


def endless_login(port: int) -> Callable[[], str]:
    """One line of 4 MiB to IMAP or POP3, before a login."""

    def attack() -> str:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection((HOST, port), PATIENCE) as raw:
            try:
                with context.wrap_socket(raw) as secure:
                    secure.recv(1000)
                    secure.sendall(b"a LOGIN " + b"a" * 4 * MIB + CRLF)
                    return secure.recv(1000).decode(errors="replace").strip() or "closed"
            except OSError:
                return "closed"

    return attack


Attack = Callable[[], str] | Callable[[], list[str]]
ATTACKS: dict[str, Attack] = {
    each.__name__: each
    for each in (
        endless_command,
        endless_line,
        endless_headers,
        many_recipients,
        unknown_recipients,
        talks_first,
        pipelined,
        noise,
        web_browser,
        nested_mime,
        broken_mime,
    )
} | {
    "tls_noise_465": tls_noise(465),
    "tls_noise_587": tls_noise(587, b"EHLO x", b"STARTTLS"),
    "tls_noise_993": tls_noise(993),
    "tls_noise_995": tls_noise(995),
    "tls_noise_143": tls_noise(143, b"a STARTTLS"),
    "endless_login_993": endless_login(993),
    "endless_login_995": endless_login(995),
}


def many_messages() -> list[str]:
    """Messages that are begun and given up, more than anybody may send in a minute."""
    found: dict[str, None] = {}
    for _ in range(4):  # in one session, so many RSETs would be an error by themselves
        session = smtp()
        for _ in range(80):
            said = session.say(b"MAIL FROM:<stranger@world.test>")
            found[said] = None
            if not said.startswith("250"):
                return list(found)
            session.say(b"RSET")
    return list(found)


def many_sessions() -> list[str]:
    """Sessions that ask for TLS, then sessions that ask for nothing."""
    found: dict[str, None] = {}
    for number in range(150):
        session = Session(587)
        said = session.answer()
        if said.startswith("220") and number < 70:
            said = session.say(b"EHLO x", b"STARTTLS")
        found[said] = None
        session.lines.close()
        session.socket.close()
    return list(found)


#: What uses up a limit that the others need.
AFTERWARDS: dict[str, Attack] = {each.__name__: each for each in (many_messages, many_sessions)}


def attacks() -> None:
    """Run all at once, and then the rest."""

    def timed(attack: Attack) -> tuple[str | list[str], float]:
        started = time.monotonic()
        try:
            return attack(), time.monotonic() - started
        except Exception as error:
            return f"{type(error).__name__}: {error}", time.monotonic() - started

    found: dict[str, tuple[str | list[str], float]] = {}
    with ThreadPoolExecutor(len(ATTACKS)) as threads:
        for group in (ATTACKS, AFTERWARDS):
            found |= dict(zip(group, threads.map(timed, group.values()), strict=True))
    print(json.dumps(found))


if __name__ == "__main__":
    HOST = sys.argv[1]
    attacks()
