"""
A stranger who guesses passwords: sent to the peer by test_abuse.py, and run there.

`guess.py HOST SERVICE USER PASSWORD…` tries all passwords at the same time, and prints what became
of each: "refused" (the password), "banned" (no connection), or "in".
"""

import imaplib
import json
import poplib
import smtplib
import ssl
import sys
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
TLS.check_hostname, TLS.verify_mode = False, ssl.CERT_NONE
REFUSED = (imaplib.IMAP4.error, poplib.error_proto, smtplib.SMTPAuthenticationError)


def imap(host: str, plain: bytes) -> None:
    """Log in to IMAP."""
    with imaplib.IMAP4_SSL(host, ssl_context=TLS) as client:
        client.authenticate("PLAIN", lambda _: plain)


def pop3(host: str, plain: bytes) -> None:
    """Log in to POP3."""
    client = poplib.POP3_SSL(host, context=TLS)
    _, user, password = plain.decode().split("\0")
    client.user(user)
    client.pass_(password)


def smtp(port: int, host: str, plain: bytes) -> None:
    """Log in for submission."""
    client = smtplib.SMTP(host, port) if port == 587 else smtplib.SMTP_SSL(host, port, context=TLS)
    if port == 587:
        client.starttls(context=TLS)
    client.ehlo()
    code, text = client.docmd("AUTH PLAIN", b64encode(plain).decode())
    if code != 235:
        raise smtplib.SMTPAuthenticationError(code, text)


SERVICES: dict[str, Callable[[str, bytes], None]] = {
    "imap": imap,
    "pop3": pop3,
    "465": partial(smtp, 465),
    "587": partial(smtp, 587),
}


def attempt(host: str, service: str, user: str, password: str) -> str:
    """Return what became of one attempt."""
    try:
        SERVICES[service](host, f"\0{user}\0{password}".encode())
    except REFUSED:
        return "refused"
    except (OSError, smtplib.SMTPException):
        return "banned"
    return "in"


if __name__ == "__main__":
    host, service, user, *passwords = sys.argv[1:]
    with ThreadPoolExecutor(len(passwords)) as threads:
        print(json.dumps(list(threads.map(partial(attempt, host, service, user), passwords))))
