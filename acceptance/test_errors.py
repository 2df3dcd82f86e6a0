"""Wrong inventories: said in words, all at once, before the host is touched."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from acceptance.support.mailhost import MailHost
from acceptance.support.tls import issue
from testbed.command_line import data_arguments

pytestmark = pytest.mark.one_release

HASH = "$6$saltsalt$" + "x" * 86
WRONG = {
    "mail_hostname": "example.test",
    "mail_user": {},
    "mail_ipv4": "192.0.2",
    "mail_tls": {"mode": "files", "cert": "/etc/hostname"},
    "mail_users": {
        "alice": {"password_hash": HASH},
        "Alice": {"password_hash": HASH},
        "bob": {"password_hash": "hunter2-secret"},
        "eve": {"password_hash": "$argon2id$v=19$secret"},
        "dan@elsewhere.test": {"password_hash": HASH},
    },
    "mail_aliases": {"void": ["nobody"], "a": ["b"], "b": ["a"], "bob": ["alice"]},
}
LINES = [
    "mail_ipv4: is not a valid IPv4 address; write it like '192.0.2.25'",
    "mail_users.bob.password_hash: looks like a plain-text password; run 'make password'",
    "mail_users.eve.password_hash: is argon2, which needs 79 MB for one check; ",
    "mail_tls.key: is missing; 'files' needs both cert and key",
    "mail_user: there is no such key; did you mean mail_users?",
    "mail_hostname: example.test is a mail domain as well; give the host a name of its own",
    "mail_users.Alice: is alice@example.test, and so is 'alice'; keep one of them",
    "mail_users.dan@elsewhere.test: elsewhere.test is not in mail_domains; ",
    "mail_aliases.void: nobody@example.test is no user and no alias; ",
    "mail_aliases.bob: hides the user bob@example.test; ",
    "mail_aliases: a@example.test -> b@example.test -> a@example.test is a loop; ",
]
STATE = "find /etc /var/vmail -xdev -type f -newer /run/before"


@pytest.mark.parametrize("command", [("deploy.py", "-y"), ("deploy.py", "--dry")])
def test_all_errors_at_once_and_nothing_touched(host: MailHost, command: tuple[str, ...]) -> None:
    host.run("touch", "/run/before")
    shown = refused(host, WRONG, LINES, *command)
    assert "secret" not in shown
    assert "xxxx" not in shown
    assert host.run("sh", "-c", STATE) == ""


def refused(host: MailHost, wrong: Mapping[str, object], expected: list[str], *command: str) -> str:
    """Assert that a run ends with exactly these lines about this host; return its output."""
    result = host.pyinfra(*command, *data_arguments(wrong))
    lines = [line for line in result.stderr.splitlines() if line.startswith(f"{host.name}: ")]
    assert result.returncode == 1
    assert len(lines) == len(expected), result.stderr
    for line, begin in zip(lines, expected, strict=True):
        assert line.startswith(f"{host.name}: {begin}")
    assert "Traceback" not in result.stderr
    return result.stdout + result.stderr


def test_names_that_are_none(host: MailHost) -> None:
    wrong = {"mail_hostname": "mail", "mail_domains": ["example.test", "bücher.test"]}
    lines = [
        "mail_hostname: 'mail' is no fully qualified domain name; write one like example.org",
        "mail_domains.1: 'bücher.test' is not ASCII; write xn--bcher-kva.test",
    ]
    refused(host, wrong, lines, "deploy.py", "-y")


def test_a_certificate_of_another_name_and_a_key_of_another_certificate(
    host: MailHost, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    _, cert, _ = issue(tmp_path)
    _, _, key = issue(tmp_path / "other")
    wrong = {
        "mail_client_names": ["imap", "pop"],
        "mail_tls": {"mode": "files", "cert": str(cert), "key": str(key)},
    }
    lines = [
        "mail_tls.cert: is for imap.example.test, mail.example.test, smtp.example.test, "
        "not for pop.example.test; get one that has this name too",
        "mail_tls.key: is not the certificate's key; name the one it was made with",
    ]
    shown = refused(host, wrong, lines, "deploy.py", "-y")
    assert key.read_text().splitlines()[1] not in shown


def test_a_password_that_others_can_see_on_the_host_is_warned_of(host: MailHost) -> None:
    words = "every account of the host can read the password of sudo or su"
    for key, value in (("_use_sudo_password", True), ("_sudo_password", "guessed")):
        result = host.pyinfra("tasks/web.py", "-y", *data_arguments({key: value}))
        assert result.returncode == 0, result.stderr
        (line,) = [each for each in result.stderr.splitlines() if words in each]
        assert f"{key}: {words}" in line
        assert "NOPASSWD in /etc/sudoers.d), or log in as root with a key" in line
        assert "guessed" not in result.stdout + result.stderr
    assert words not in host.pyinfra("tasks/web.py", "-y").stderr


# /etc/os-release is a link: the system's own file stays as it is.
OLD_RELEASE = """
sed 's/^VERSION_ID=.*/VERSION_ID="11"/' /usr/lib/os-release > /run/os-release
ln -sf /run/os-release /etc/os-release
"""


def test_an_unsupported_release_is_refused(host: MailHost) -> None:
    host.run("sh", "-euc", OLD_RELEASE)
    try:
        run = host.deploy()
        assert run.code == 1
        assert "Debian 12 or 13 is supported, this is 11; install one of them" in run.output
    finally:
        host.run("ln", "-sf", "../usr/lib/os-release", "/etc/os-release")
