"""services/fail2ban.py: which log lines count as guesses, and from which addresses none does."""

from __future__ import annotations

import configparser
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from facts.machine import CONTROL, CONTROL_ADDRESSES, MachineState, parse_machine
from preflight import settings_and_problems
from tests.inventory import data, settings
from tests.plan import packages, texts, wanted
from wanted.rendering import render

FIXTURES = Path(__file__).parent / "fixtures/fail2ban"
MACHINE = MachineState(release="13")
PREFIX = r"\w+ \d+ [\d:]+ \S+ dovecot\[\d+\]: "


def failures(lines: list[str]) -> list[tuple[str, str, str]]:
    """Return (address, user, digits) of the lines that the filter matches, as fail2ban would."""
    parser = configparser.ConfigParser({"__prefix_line": PREFIX})
    parser.read_string(render("fail2ban/filter.conf.j2"))
    regexes = []
    for regex in parser["Definition"]["failregex"].splitlines():
        regex = re.sub(r"<F-(\w+)>(.*?)</F-\1>", r"(?P<\1>\2)", regex)
        regexes.append(re.compile(regex.replace("<ADDR>", r"(?P<ip>[\d.]+|[\da-f:]+)")))
    matches = [match for line in lines for regex in regexes if (match := regex.search(line))]
    return [(match["ip"], match["USER"], match["HASH"]) for match in matches]


# Lines of three IMAP sessions, one POP3 session, two on port 587 (PLAIN, LOGIN), and one for a name
# that is looked up in both password files; also names with commas, and lines of sshd.
@pytest.mark.parametrize(("release", "peer"), [("12", "172.27.0.2"), ("13", "172.25.0.2")])
def test_the_filter_takes_the_refused_passwords_and_nothing_else(release: str, peer: str) -> None:
    lines = (FIXTURES / f"journal-{release}.txt").read_text().splitlines()
    assert failures(lines) == [
        (peer, "alice@example.test", "3546d6"),
        (peer, "alice@example.test", "3546d6"),
        (peer, "ghost@example.test", "bd0276"),
        (peer, "alice@example.test", "63d2a5"),
        (peer, "bob@example.test", "521098"),
        (peer, "bob@example.test", "521098"),
        *[(peer, "mailhost-probe@example.test", "ed113f")] * 4,
    ]


@pytest.mark.parametrize(
    "said",
    [
        "auth: passwd-file(alice@example.test,2001:db8::7,<x>): Password mismatch (SHA1 of given "
        "password: 3546) - trying the next passdb",
        "auth(alice@example.test,2001:db8::7,sasl:login): passwd-file: Password mismatch (SHA1 of "
        "given password: 3546)",
    ],
)
def test_the_filter_takes_ipv6(said: str) -> None:
    line = f"Nov 25 01:54:54 mail.example.test dovecot[5]: {said}"
    assert failures([line]) == [("2001:db8::7", "alice@example.test", "3546")]


def text(path: str, **changes: object) -> str:
    found = texts(settings(**changes), MACHINE).items()
    return next(content or "" for name, content in found if name.endswith(path))


def test_the_jails_say_what_the_settings_say() -> None:
    parser = configparser.RawConfigParser()
    parser.read_string(
        text(
            "jail.d/mailhost.local",
            mail_ban={"failures": 4, "seconds": 90},
            mail_trusted_networks=["192.0.2.0/24", "2001:db8::/48"],
        )
    )
    assert parser.sections() == ["mail", "sshd"]
    for jail in parser.sections():
        assert parser[jail]["maxretry"] == "4"
        assert parser[jail]["bantime"] == "90"
        assert parser[jail]["ignoreip"] == "127.0.0.0/8 ::1 192.0.2.0/24 2001:db8::/48"


def test_without_bans_nothing_is_installed_and_nothing_runs() -> None:
    host_settings = settings().model_copy(update={"mail_ban": None})
    assert not wanted(host_settings, MACHINE)["fail2ban"].enabled
    assert "fail2ban" not in packages(host_settings, MACHINE)
    assert "fail2ban" in packages(settings(), MACHINE)


def test_trusted_networks_are_no_relay_clients() -> None:
    host_settings = settings(mail_trusted_networks=["192.0.2.0/24", "2001:db8::/48"])
    main = texts(host_settings)["/etc/postfix/main.cf"] or ""
    limits = "smtpd_client_event_limit_exceptions = $mynetworks, 192.0.2.0/24, [2001:db8::]/48\n"
    assert limits in main
    assert main.count("192.0.2.0/24") == 1


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            {"mail_trusted_networks": ["192.0.2"]},
            "mail_trusted_networks.0: '192.0.2' is no network; write one like 192.0.2.0/24",
        ),
        (
            {"mail_trusted_networks": ["0.0.0.0/0"]},
            "mail_trusted_networks.0: '0.0.0.0/0' is everybody; write down your own networks",
        ),
        (
            {"mail_ban": {"failures": 0}},
            "mail_ban.failures: should be greater than or equal to 1; write it like 5",
        ),
        (
            {"mail_ban": {"minutes": 5}},
            "mail_ban.minutes: there is no such key; did you mean failures?",
        ),
    ],
)
def test_wrong_settings_are_named(change: dict[str, object], problem: str) -> None:
    assert settings_and_problems(data(**change))[1] == [problem]


# ---- addresses that it never counts --------------------------------------------------------------


@pytest.fixture
def counts(tmp_path: Path) -> Callable[..., bool]:
    """Return a function: does a failure count, according to the script that fail2ban runs?"""
    control = tmp_path / "control"
    machine = replace(MACHINE, control_addresses=("192.0.2.9",))
    control.write_text(texts(settings(), machine)[CONTROL_ADDRESSES] or "")
    script = render("fail2ban/ignore.j2", control=control, tried=tmp_path / "tried")

    def ask(*arguments: str) -> bool:
        return subprocess.run(["sh", "-c", script, "mailhost", *arguments]).returncode == 1

    return ask


def test_the_same_wrong_password_counts_once(counts: Callable[..., bool]) -> None:
    for address in ("198.51.100.1", "2001:db8::1"):
        assert counts(address, "alice@example.test:3546")
        assert not counts(address, "alice@example.test:3546")
        assert counts(address, "alice@example.test:3547")
        assert counts(address, "bob@example.test:3546")


def test_sshs_failures_all_count(counts: Callable[..., bool]) -> None:
    assert counts("198.51.100.1")
    assert counts("198.51.100.1")


def test_the_control_machine_is_never_counted(counts: Callable[..., bool]) -> None:
    assert not counts("192.0.2.9")
    assert not counts("192.0.2.9", "alice@example.test:3546")
    assert counts("192.0.2.99")


def test_control_machines_are_kept_and_do_not_change_places() -> None:
    def known(*addresses: str) -> tuple[str, ...]:
        lines = [f"control={address}" for address in addresses]
        return parse_machine(["id=debian", "version=13", *lines]).control_addresses

    assert known() == ()
    assert known("192.0.2.1", "192.0.2.2", "192.0.2.1") == ("192.0.2.1", "192.0.2.2")
    six = [f"192.0.2.{number}" for number in range(6)]
    assert known(*six) == tuple(six[1:])


def test_their_file_is_read_back_and_the_address_of_this_run(tmp_path: Path) -> None:
    machine = replace(MACHINE, control_addresses=("192.0.2.9", "2001:db8::9"))
    content = texts(settings(), machine)[CONTROL_ADDRESSES]
    path = tmp_path / "control"
    path.write_text(content or "")
    read = CONTROL.replace(CONTROL_ADDRESSES, str(path))
    # As with sudo, which removes the variable.
    below = ["env", "-u", "SSH_CONNECTION", "sh", "-c", read]
    shell = ["env", "SSH_CONNECTION=198.51.100.7 5 192.0.2.25 22", "sh", "-c", '"$@"; :', "shell"]
    shown = subprocess.run([*shell, *below], capture_output=True, text=True, check=True).stdout
    lines = ["id=debian", "version=13", *shown.splitlines()]
    assert parse_machine(lines).control_addresses == ("192.0.2.9", "2001:db8::9", "198.51.100.7")
