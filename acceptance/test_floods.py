"""
Floods: a stranger (the peer) does what no mail program does, and everybody else is served.

The good clients come from Docker's gateway, another address than the peer's.
"""

from __future__ import annotations

import imaplib
import json
import poplib
import re
import smtplib
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from acceptance.support.mailhost import MailHost
from services.postfix import POSTFIX
from testbed.messages import message

PROGRAMS = Path(__file__).parent / "programs"
ATTACKS = (PROGRAMS / "attacks.py").read_text()
IDLE = (PROGRAMS / "idle.py").read_text()
#: What a crash looks like in the journal, or a process that the kernel killed for its memory.
CRASHES = r"panic:|fatal:|Fatal:|Panic:|killed (by|with) signal|oom-kill|Out of memory"

TOO_MANY_ERRORS = r"421 4\.7\.0 .* Error: too many errors"
NO_SESSION = r"554 5\.5\.0 Error: SMTP protocol synchronization"
BYE = r"221 2\.7\.0 Error: I can break rules, too\. Goodbye\."
#: Attack (programs/attacks.py) -> what its answers are, in order; others may be in between.
ANSWERS = {
    "endless_command": [r"(554 5\.5\.0|250 2\.0\.0|500 5\.5\.2) .*"],
    "endless_line": [r"250 2\.0\.0 Ok: .*"],
    "endless_headers": [r"552 5\.3\.4 Error: message file too big"],
    "many_recipients": [
        r"250 2\.1\.5 Ok",
        r"452 4\.5\.3 Error: too many recipients",
        r"450 4\.7\.1 Error: too many recipients from .*",
        TOO_MANY_ERRORS,
        "closed",
    ],
    "unknown_recipients": [
        r"550 5\.1\.1 <guess0@example\.test>: .* User unknown",
        TOO_MANY_ERRORS,
        "closed",
    ],
    "talks_first": [NO_SESSION],
    "pipelined": [r"250 2\.1\.0 Ok", NO_SESSION],
    "noise": [rf"{BYE}|{TOO_MANY_ERRORS}|{NO_SESSION}"],
    "web_browser": [BYE],
    "nested_mime": [r"550 5\.6\.0 MIME nesting exceeds safety limit"],
    "broken_mime": [r"250 2\.0\.0 Ok: .*"],
    "tls_noise_465": ["closed"],
    "tls_noise_587": ["closed"],
    "tls_noise_143": ["closed"],
    "tls_noise_993": ["closed"],
    "tls_noise_995": ["closed"],
    "many_messages": [
        r"250 2\.1\.0 Ok",
        r"450 4\.7\.1 Error: too much mail from .*",
    ],
    "many_sessions": [
        r"220 2\.0\.0 Ready to start TLS",
        r"454 4\.7\.0 Error: too many new TLS sessions from .*",
        r"421 4\.7\.0 .* Error: too many connections from .*",
    ],
    "endless_login_993": [r"closed|\* BYE .*|a BAD .*"],
    "endless_login_995": [r"closed|-ERR .*"],
}

PORTS = (25, 587, 465, 143, 993, 110, 995)

#: No answer, no connection, or no longer one.
DROPPED = (OSError, imaplib.IMAP4.abort, poplib.error_proto, smtplib.SMTPServerDisconnected)

Answers = dict[str, tuple[list[str], float]]


@contextmanager
def uneventful(host: MailHost) -> Iterator[None]:
    """Nothing crashes in here, and nothing is killed for its memory."""
    since = host.run("date", "+%F %T.%N").strip()
    yield
    journal = host.run("journalctl", "--no-pager", "-o", "cat", f"--since={since}").splitlines()
    assert [line for line in journal if re.search(CRASHES, line)] == []


def serve(host: MailHost, port: int) -> float:
    """Do a good client's business on a port; return the seconds that it took."""
    started = time.monotonic()
    if port in (143, 993):
        with host.imap("carol@second.test", port) as imap:
            imap.select("INBOX")
    elif port in (110, 995):
        with host.pop3("carol@second.test", port) as pop3:
            pop3.stat()
    else:
        user = None if port == 25 else "carol@second.test"
        sender = "friend@world.test" if port == 25 else "carol@second.test"
        with host.smtp(port, user) as client:
            client.send_message(message(f"during a flood, {port}", sender, "carol@second.test"))
    return time.monotonic() - started


# ---- input that is none --------------------------------------------------------------------------


@pytest.fixture(scope="module", autouse=True)
def _forgotten(host: MailHost) -> Iterator[None]:
    """Nobody's connections were counted before, and nobody is treated as in a flood afterwards."""
    restart = ("systemctl", "restart", host.unit(POSTFIX))
    host.run(*restart)
    yield
    host.run(*restart)  # or it goes on with `stress` for 1000 seconds: postconf(5)


@pytest.fixture(scope="module")
def attacks(host: MailHost) -> Answers:
    """What all attacks, at the same time, were answered; afterwards everybody is served."""
    with uneventful(host):
        said = host.peer.exec("python3", "-", host.target.address, input=ATTACKS)
        for port in PORTS:
            assert serve(host, port) < 15
    found = json.loads(said).items()
    return {
        name: ([answers] if isinstance(answers, str) else answers, seconds)
        for name, (answers, seconds) in found
    }


@pytest.mark.parametrize("attack", ANSWERS)
def test_each_attack_ends_in_time_and_with_a_code(attacks: Answers, attack: str) -> None:
    answers, seconds = attacks[attack]
    left = iter(answers)
    for wanted in ANSWERS[attack]:
        assert any(re.fullmatch(wanted, answer) for answer in left), (wanted, answers)
    assert seconds < 45


def test_broken_mail_can_be_read(host: MailHost, attacks: Answers) -> None:
    with uneventful(host):
        for subject in ("broken MIME", "long line"):
            host.wait_for("alice", subject)
        with host.imap("alice") as client:
            client.select("INBOX", readonly=True)
            _, (found,) = client.search(None, "SUBJECT", '"broken MIME"')
            number = found.split()[-1].decode()
            for item in ("BODYSTRUCTURE", "ENVELOPE", "BODY.PEEK[1.1.1.1]"):
                assert client.fetch(number, f"({item})")[0] == "OK"


# ---- slowloris -----------------------------------------------------------------------------------


@pytest.fixture
def idle_flood(host: MailHost) -> Iterator[None]:
    """500 connections to each port, all from one address, that never say anything."""
    peer = host.peer
    # As one that had a quiet night: Postfix waits less for 1000 s after each flood (stress).
    host.run("systemctl", "restart", "postfix")
    peer.exec("sh", "-c", "cat > /run/idle.py", input=IDLE)
    run = ("systemd-run", "--quiet", "--collect", "--unit=flood", "--service-type=notify")
    command = ("python3", "/run/idle.py", host.target.address, "500", *map(str, PORTS))
    peer.exec(*run, "--property=NotifyAccess=main", *command)
    socket.setdefaulttimeout(30)  # of the good clients
    yield
    socket.setdefaulttimeout(None)
    peer.exec("systemctl", "stop", "flood.service")
    # It forgets its stress, and how often the peer has called.
    host.run("systemctl", "restart", "postfix")


def serve_in_the_end(host: MailHost, port: int) -> float:
    """The same, by a client that connects again where it was dropped, as mail programs do.

    While connections pour in, Dovecot drops the oldest that has not logged in, whose ever it is.
    """
    started = time.monotonic()
    while time.monotonic() < started + 30:
        try:
            serve(host, port)
            break
        except DROPPED:
            continue
    return time.monotonic() - started


def test_500_idle_connections_leave_others_served(host: MailHost, idle_flood: None) -> None:
    with uneventful(host), ThreadPoolExecutor() as threads:
        served = threads.map(lambda port: serve_in_the_end(host, port), PORTS)
        took = dict(zip(PORTS, served, strict=True))
    assert {port: seconds for port, seconds in took.items() if seconds > 25} == {}
