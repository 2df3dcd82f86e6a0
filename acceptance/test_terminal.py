"""What DNS, other servers and file names say reaches no terminal as a command to it."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from acceptance.support import cli
from acceptance.support.checks import check, publish
from acceptance.support.mailhost import MailHost
from tasks.scoring.spamassassin import COMMAND
from testbed.command_line import data_arguments
from testbed.inventory import HOSTNAME, ROOT
from testbed.peer import spamassassin

pytestmark = pytest.mark.one_release  # what runs here is the same for both

#: Colours, in C0 and in C1 controls; a bell; and turns the order of characters around.
EVIL = "\033[31mowned\007\x9b31m\u202e"


def in_zone(text: str) -> str:
    """Return a text as BIND reads it in a zone file."""
    return "".join(f"\\{byte:03}" for byte in text.encode())


def assert_printable(text: str) -> None:
    """Assert that a terminal would show a text and do nothing else."""
    assert "owned" in text, text
    assert [each for each in text if not each.isprintable() and each != "\n"] == []


@pytest.fixture
def evil(host: MailHost) -> Iterator[None]:
    """SPF, DMARC and TLS-RPT of the primary domain, with more in them than text."""
    zone = publish(host)["example.test"]
    worse = zone
    for begin, end in (("v=spf1 ", ""), ("p=", "quarantine"), ("v=TLSRPTv1; ", "")):
        assert f"{begin}{end}" in worse
        worse = worse.replace(f"{begin}{end}", f"{begin}{in_zone(EVIL)}{end}")
    host.peer.load_zone("example.test", worse)
    yield
    host.peer.load_zone("example.test", zone)


def test_dns_cannot_control_the_terminal_of_a_check(host: MailHost, evil: None) -> None:
    run = check(host)
    assert {"dns.spf", "dns.dmarc"} <= run.ids()
    for finding in (*run.findings("dns.spf"), *run.findings("dns.dmarc")):
        assert_printable(f"{finding['seen']} owned")
    assert_printable((ROOT / f"build/check/{HOSTNAME}.html").read_text())
    assert_printable((ROOT / f"build/check/{HOSTNAME}.json").read_text())
    world = {"mail_check_resolver": host.peer.address, "mail_blocklists": []}
    assert_printable(host.pyinfra("tasks/check.py", "-y", *data_arguments(world)).stderr)


def test_dns_cannot_control_the_terminal_of_a_score(
    host: MailHost, evil: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(COMMAND, spamassassin())
    data = {"mail_check_resolver": host.peer.address}
    done = host.pyinfra("tasks/score.py", "-y", *data_arguments(data))
    assert done.returncode == 0, done.stderr
    assert_printable(done.stderr)


@pytest.fixture
def talker() -> Iterator[int]:
    """The port of a server that greets with what controls a terminal."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                with client:
                    client.sendall(f"554 {EVIL}\r\n".encode())

        threading.Thread(target=greet, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def test_a_servers_greeting_cannot_control_the_terminal(host: MailHost, talker: int) -> None:
    data = {"published_ports": {587: talker}}
    done = host.pyinfra("tasks/score.py", "-y", *data_arguments(data))
    assert done.returncode == 1
    assert_printable(done.stderr)


def test_a_file_name_cannot_control_the_terminal(host: MailHost, tmp_path: Path) -> None:
    folder = f"/var/vmail/example.test/{EVIL}"
    host.run("install", "-d", "-o", "vmail", "-g", "vmail", "-m", "755", folder)
    try:
        assert_printable(host.pyinfra("tasks/drift.py", "-y").stderr)
        environment = {**os.environ, "MAIL_DRIFT_JSON": "1"}
        done = cli.run(host.command("tasks/drift.py", "-y"), environment)
        assert_printable(done.stdout)
        assert_printable(host.pyinfra("deploy.py", "-y").stderr)
    finally:
        host.run("rm", "-r", folder)
