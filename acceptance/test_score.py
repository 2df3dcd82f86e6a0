"""`make score`: one message, scored before its DNS records are there and after; nothing stays."""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from acceptance.support.mailhost import MailHost
from acceptance.support.runs import CONFIGURATION
from acceptance.support.signatures import unique
from acceptance.support.tls import issue
from layout import PEM
from tasks.scoring.spamassassin import COMMAND
from testbed import peer
from testbed.command_line import data_arguments
from testbed.inventory import DOMAINS, HOSTNAME
from testbed.messages import message
from testbed.wait import wait_until
from wanted.addresses import SCORE_SENDER

SENDER = f"{SCORE_SENDER}@{DOMAINS[0]}"
USERS = "/etc/dovecot/probe-users"
UNIT = "mailhost-sink.service"


@pytest.fixture(autouse=True)
def _spamassassin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(COMMAND, peer.spamassassin())


@pytest.fixture
def unpublished(host: MailHost) -> Iterator[MailHost]:
    """A host of which DNS knows nothing; its records come back afterwards."""
    _, zones = host.dns()
    for domain in zones:
        host.peer.load_zone(domain, "")
    host.peer.forget_address(host.target.address)
    yield host
    for domain, zone in zones.items():
        host.peer.load_zone(domain, zone)


@pytest.fixture
def published(host: MailHost) -> Iterator[MailHost]:
    """A host with all its records, reverse DNS among them."""
    host.peer.name_address(host.target.address, HOSTNAME)
    yield host
    host.peer.forget_address(host.target.address)


def score(host: MailHost, **data: object) -> tuple[float, dict[str, tuple[str, str]]]:
    """Return the points, and of each part the points that it costs and what was seen."""
    data = {"mail_check_resolver": host.peer.address, **data}
    result = host.pyinfra("tasks/score.py", "-y", *data_arguments(data))
    assert result.returncode == 0, f"{result.stderr}\n{host.target.journal()}"
    title = re.search(rf"^{re.escape(HOSTNAME)}: .*?([\d.]+)/10", result.stderr, re.MULTILINE)
    assert title, result.stderr
    rows = re.findall(r"^  (\w+(?: \w+)*) +(-?[\d.]+|\?)  (.*)$", result.stderr, re.MULTILINE)
    return float(title[1]), {name: (lost, seen) for name, lost, seen in rows}


def refusal(host: MailHost, **data: object) -> str:
    """Return what a run says that ends without a score."""
    result = host.pyinfra("tasks/score.py", "-y", *data_arguments(data))
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    return result.stderr


def assert_nothing_is_left(host: MailHost) -> None:
    """Assert that neither login nor sink nor mail of a run is on the host."""
    assert host.run("cat", USERS) == ""
    assert host.run("stat", "-c", "%U:%G %a", USERS).strip() == "root:dovecot 640"
    assert host.run("systemctl", "show", "-p", "LoadState", UNIT).strip() == "LoadState=not-found"
    host.run("test", "!", "-e", "/run/mailhost-sink")
    assert "probe.invalid" not in host.run("postqueue", "-p")
    assert host.must_deploy().changed == []


@pytest.mark.one_release
def test_without_dns_a_low_score_and_the_reasons(unpublished: MailHost) -> None:
    points, parts = score(unpublished)
    assert points == 2.0, parts
    address = unpublished.target.address
    key = f"default._domainkey.{DOMAINS[0]}"
    assert parts["SPF"] == ("-2.0", f"none for {address}, sender {DOMAINS[0]}")
    assert parts["DKIM"] == ("-2.0", f"signed, but there is no key at {key}")
    assert parts["DMARC"] == ("-1.5", f"there is no record at _dmarc.{DOMAINS[0]}")
    assert parts["reverse DNS"] == ("-1.5", f"{address} has no PTR record")
    assert parts["HELO"] == ("-1.0", f"{HOSTNAME} has no address in DNS")
    assert [parts[name][0] for name in ("TLS", "SpamAssassin", "format")] == ["0"] * 3


def test_with_the_zone_loaded_full_marks(published: MailHost) -> None:
    points, parts = score(published)
    assert (points, {lost for lost, _ in parts.values()}) == (10.0, {"0"}), parts
    assert len(parts) == 8
    assert parts["SpamAssassin"][1].startswith("0 points: ")
    assert_nothing_is_left(published)
    answers = published.login_refusals(SENDER, "anything")
    assert answers.keys() == {"imap", "pop3", "smtp"}


@pytest.mark.one_release
def test_a_smarthosts_login_and_tls_are_not_for_the_sink(
    host: MailHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(COMMAND)  # SpamAssassin is not what this is about
    credentials = tmp_path / "smarthost"
    credentials.write_text("relay:relaypass\n")
    smarthost = {
        "mail_relayhost": "smarthost.world.test:465",
        "mail_relayhost_credentials": str(credentials),
    }
    with host.deployed(**smarthost):
        _, parts = score(host, **smarthost)
    assert {name for name, (lost, _) in parts.items() if lost == "?"} == {
        *("SPF", "reverse DNS", "HELO"),  # are the smarthost's
        "SpamAssassin",
    }
    assert parts["DMARC"] == ("0", f"p=quarantine of {DOMAINS[0]}, met by DKIM")


def test_a_login_that_was_left_behind_is_taken_away_by_the_next_deploy(host: MailHost) -> None:
    login = f"{SENDER}:{{PLAIN}}left-behind::::::\n"
    host.run("sh", "-c", f"cat > {USERS}", input=login)
    left = replace(host, passwords={SENDER: "left-behind"})
    # Dovecot looks for another file once a second.
    wait_until(lambda: "smtp" not in host.login_refusals(SENDER, "left-behind"), 5, "its login")
    with left.smtp(465, SENDER) as client:  # it sends as nobody else, and reads nothing
        client.mail("alice@example.test")
        assert client.rcpt("bob@example.test")[0] == 553
    assert host.login_refusals(SENDER, "left-behind").keys() == {"imap", "pop3"}
    assert host.must_deploy().changed == [CONFIGURATION]
    assert host.run("cat", USERS) == ""
    with pytest.raises(smtplib.SMTPAuthenticationError), left.smtp(465, SENDER):
        pass


@contextmanager
def in_between(folder: Path) -> Iterator[tuple[int, list[bytes]]]:
    """A submission service of somebody else: its port, and the lines that it is told."""
    _, chain, key = issue(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    told: list[bytes] = []

    def serve(server: socket.socket) -> None:
        with suppress(OSError), context.wrap_socket(server.accept()[0], server_side=True) as client:
            client.sendall(b"220 mail.example.test ESMTP\r\n")
            for line in client.makefile("rb"):
                told.append(line)
                known = b"250-me\r\n250 AUTH PLAIN\r\n"
                client.sendall(known if line.startswith(b"ehlo") else b"235 2.7.0 ok\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        yield server.getsockname()[1], told


@pytest.mark.one_release
def test_who_stands_in_between_gets_no_login(host: MailHost, tmp_path: Path) -> None:
    with in_between(tmp_path) as (port, told):
        said = refusal(host, published_ports={465: port})
    assert [line for line in told if b"AUTH" in line.upper()] == []
    assert f"127.0.0.1:{port} shows another certificate than the host has in {PEM}" in said
    assert_nothing_is_left(host)


@pytest.mark.one_release
def test_without_a_run_nobody_is_behind_the_domain(host: MailHost) -> None:
    subject = unique("nobody's domain")
    mail = message(subject, "alice@example.test", "friend@probe.invalid")
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        host.send(mail)
    # Nor does it lie in the queue where it comes from the machine itself.
    host.run("sendmail", "-i", "-t", "-f", "alice@example.test", input=mail.as_string())

    def bounce() -> bytes:
        bounces = host.search("alice", "Undelivered Mail Returned to Sender")
        return b"".join(each for each in bounces if subject.encode() in each)

    assert b"<friend@probe.invalid>" in wait_until(bounce, 10, "the bounce")
    assert "probe.invalid" not in host.run("postqueue", "-p")


@pytest.mark.one_release
def test_where_there_is_no_score_one_sentence_says_why(host: MailHost) -> None:
    nowhere = {465: 1, 587: 1}
    said = refusal(host, published_ports=nowhere)
    assert "submission cannot be reached: 127.0.0.1:1 (Connection refused)" in said

    host.run("systemd-run", "-q", "--collect", f"--unit={UNIT}", "sleep", "60")
    assert "another score is on its way here: wait a minute" in refusal(host)
    assert host.run("systemctl", "is-active", UNIT).strip() == "active", "it is another run's"
    host.run("systemctl", "stop", UNIT)

    squatter = ("smtp-sink", "-u", "nobody", "127.0.0.1:10025", "9")
    host.run("systemd-run", "-q", "--collect", "--unit=squatter", *squatter)
    listening = ("ss", "-Hltn", "src 127.0.0.1:10025")
    wait_until(lambda: host.run(*listening), 10, "the squatter listens")
    assert "127.0.0.1:10025 is taken on the host: find by whom" in refusal(host)
    host.run("systemctl", "stop", "squatter.service")

    host.run("mv", USERS, f"{USERS}.away")
    assert "this host was not deployed, or not by this version: run deploy.py" in refusal(host)
    host.run("mv", f"{USERS}.away", USERS)
    assert_nothing_is_left(host)
