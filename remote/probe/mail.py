"""The listeners of Postfix, Dovecot and PostSRSd, each asked as a client asks it."""

from __future__ import annotations

import atexit
import base64
import contextlib
import functools
import os
import re
import secrets
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

from probe.fault import TIMEOUT, Fault

HOST = "127.0.0.1"


class Session:
    """Lines over TCP with a service of this host, in the clear or in TLS."""

    def __init__(self, port: str, tls: bool = False) -> None:
        self.place = f"port {port}"
        self.socket: socket.socket = socket.create_connection((HOST, int(port)), TIMEOUT)
        self.lines = self.socket.makefile("rb")
        if tls:
            self.start_tls()

    def start_tls(self) -> None:
        """Go on in TLS, with any certificate: `certified` compares it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket)
        self.lines = self.socket.makefile("rb")

    def certified(self, pem: str) -> None:
        """Verify that TLS shows the certificate of a file."""
        assert isinstance(self.socket, ssl.SSLSocket)
        text = Path(pem).read_text()
        ours = re.search("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", text, re.S)
        shown = self.socket.getpeercert(binary_form=True)
        if ours is None or shown != ssl.PEM_cert_to_DER_cert(ours[0]):
            raise Fault(f"{self.place}: shows another certificate than the one in {pem}")

    def hear(self, begin: str, asked: str = "a connection") -> str:
        """Return one answer, which may have several lines (RFC 5321, 4.2.1)."""
        answer = self._line()
        while re.match(r"\d{3}-", answer.rpartition("\n")[2]):
            answer += f"\n{self._line()}"
        if not answer:
            raise Fault(f"{self.place}: {asked} gets no answer, it is closed")
        if not answer.startswith(begin):
            raise Fault(f"{self.place}: {asked} is answered with {answer!r}, not with {begin!r}")
        return answer

    def ask(self, command: str, begin: str, shown: str = "") -> str:
        """Send a command and return its answer; `shown` stands for one that holds a secret."""
        self.socket.sendall(f"{command}\r\n".encode())
        return self.hear(begin, shown or command)

    def _line(self) -> str:
        return self.lines.readline(2000).decode(errors="replace").rstrip("\r\n")


@contextlib.contextmanager
def session(port: str, tls: bool = False) -> Iterator[Session]:
    """A session with a service; what the network says becomes a sentence."""
    opened = None
    try:
        opened = Session(port, tls)
        yield opened
    except TimeoutError:
        raise Fault(f"port {port}: no answer in {TIMEOUT:g} seconds") from None
    except ssl.SSLError as error:
        raise Fault(f"port {port}: no TLS: {error.reason or error}") from None
    except ConnectionError as error:
        raise Fault(f"port {port}: {error.strerror}") from None
    finally:
        if opened:
            opened.socket.close()


def greets(port: str, hostname: str) -> None:
    """An SMTP listener under our name."""
    with session(port) as smtp:
        smtp.hear(f"220 {hostname}")


def smtp(port: str, hostname: str, pem: str, recipient: str) -> None:
    """Port 25: offers TLS and takes mail for a recipient, up to the message, which is not sent."""
    with session(port) as smtp:
        smtp.hear(f"220 {hostname}")
        _starttls(smtp, pem)
        _addresses(smtp, "", recipient)


def submission(port: str, mode: str, hostname: str, pem: str, users: str, recipient: str) -> None:
    """
    587 or 465: takes the right password, then mail (up to the message).

    Only 587 is asked with a wrong password, for both: they ask the same Dovecot, and it takes two
    seconds.
    """
    with session(port, tls=mode == "tls") as smtp:
        smtp.hear(f"220 {hostname}")
        if mode == "tls":
            smtp.certified(pem)
            offers = smtp.ask("EHLO localhost", "250")
        else:
            offers = _starttls(smtp, pem)
        if not re.search(r"^250[ -]AUTH\b.* PLAIN\b", offers, re.M):
            raise Fault(f"{smtp.place}: no AUTH PLAIN offered in TLS")
        user, password = login(users, recipient.rpartition("@")[2])
        if mode == "starttls":
            smtp.ask(f"AUTH PLAIN {_plain(user, 'wrong')}", "535", "a wrong password")
        smtp.ask(f"AUTH PLAIN {_plain(user, password)}", "235", "the right password")
        _addresses(smtp, user, recipient)


def _starttls(smtp: Session, pem: str) -> str:
    """Go on in TLS; return what the service offers there."""
    offers = smtp.ask("EHLO localhost", "250")
    if not re.search(r"^250[ -]STARTTLS$", offers, re.M):
        raise Fault(f"{smtp.place}: no STARTTLS offered")
    if re.search(r"^250[ -]AUTH\b", offers, re.M):
        raise Fault(f"{smtp.place}: AUTH offered without TLS")
    smtp.ask("STARTTLS", "220")
    smtp.start_tls()
    smtp.certified(pem)
    return smtp.ask("EHLO localhost", "250")


def _addresses(smtp: Session, sender: str, recipient: str) -> None:
    """Name sender and recipient: for these answers Postfix asks its milters and its tables."""
    smtp.ask(f"MAIL FROM:<{sender}>", "250")
    smtp.ask(f"RCPT TO:<{recipient}>", "250")
    smtp.ask("QUIT", "221")


def _plain(user: str, password: str) -> str:
    return base64.b64encode(f"\0{user}\0{password}".encode()).decode()


@functools.cache
def login(users: str, domain: str) -> tuple[str, str]:
    """
    Return the login of `make score`, with a password that lives as long as this process.

    One for all checks: Dovecot reads a passwd-file again once a second at most.
    """
    user, password = f"mailhost-probe@{domain}", secrets.token_hex(32)
    atexit.register(os.truncate, users, 0)
    # nodelay: otherwise a refusal takes two seconds (Dovecot's auth_failure_delay).
    with open(users, "w") as file:
        file.write(f"{user}:{{PLAIN}}{password}::::::nodelay\n")
    return user, password


def imap(port: str, mode: str, pem: str) -> None:
    """143 or 993."""
    with session(port, tls=mode == "tls") as imap:
        imap.hear("* OK")
        if mode == "starttls":
            imap.ask("a STARTTLS", "a OK")
            imap.start_tls()
        imap.certified(pem)
        imap.ask("b LOGOUT", "* BYE")


def pop3(port: str, mode: str, pem: str) -> None:
    """110 or 995."""
    with session(port, tls=mode == "tls") as pop3:
        pop3.hear("+OK")
        if mode == "starttls":
            pop3.ask("STLS", "+OK")
            pop3.start_tls()
        pop3.certified(pem)
        pop3.ask("QUIT", "+OK")


def https(port: str, host: str, path: str, pem: str) -> None:
    """443: has the document that clients ask for by a host's name."""
    with session(port, tls=True) as web:
        web.certified(pem)
        question = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
        web.ask(question, "HTTP/1.1 200 ", f"GET https://{host}{path}")


def rewrites(port: str) -> None:
    """PostSRSd answers for a sender of another domain (tcp_table(5))."""
    with session(port) as table:
        table.ask("get someone@elsewhere.invalid", "200 ")
