"""Facts that a host does not answer: one line with host, question, answer and remedy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from acceptance.support.checks import check
from acceptance.support.mailhost import MailHost
from testbed.command_line import data_arguments

LOGINS = "asked for who can log in and who is logged in, the host said: "
REMEDY = "restart Dovecot (`systemctl restart dovecot` on the host), then run again"


@contextmanager
def instead_of(host: MailHost, program: str, text: str) -> Iterator[None]:
    """Another program in the place of one of the host's, which becomes /root/genuine."""
    host.run("cp", "-p", program, "/root/genuine")
    host.run("sh", "-c", "cat > /root/other && chmod 755 /root/other", input=f"#!/bin/sh\n{text}\n")
    host.run("mount", "--bind", "/root/other", program)
    try:
        yield
    finally:
        host.run("umount", program)
        host.run("rm", "/root/genuine", "/root/other")


def the_line(host: MailHost, output: str) -> str:
    """Return the one line about the host's fact; there is no traceback."""
    assert "Traceback" not in output, output
    assert "Greenlet" not in output, output
    (line,) = [line for line in output.splitlines() if "asked for" in line]
    assert f"{host.name}: asked for" in line
    return line


@pytest.mark.provoking
def test_a_fact_that_fails_is_one_line(host: MailHost) -> None:
    fails = "echo 'doveadm(root): Error: \033[31mtoo many users' >&2; echo again >&2; exit 75"
    said = f"{LOGINS}doveadm(root): Error: ?[31mtoo many users again; {REMEDY}"
    with instead_of(host, "/usr/bin/doveadm", fails):
        run = host.pyinfra("deploy.py", "-y", *data_arguments({"mail_updates": "off"}))
        assert run.returncode == 1
        assert said in the_line(host, run.stderr)
        planned = host.pyinfra("deploy.py", "--dry")
        assert planned.returncode == 1
        assert said in the_line(host, planned.stderr)
        asked = host.pyinfra("fact", "facts.dovecot.DoveadmLogins")  # pyinfra's own exit code: 0
        assert said in the_line(host, asked.stderr)


@pytest.mark.one_release
def test_an_answer_of_another_form_is_one_line(host: MailHost) -> None:
    with instead_of(host, "/usr/bin/systemctl", "echo nonsense"):
        run = check(host)
    assert run.code == 1
    line = the_line(host, run.output)
    assert "asked for the state of the mail host's services" in line
    assert "the host said: unexpected line from systemctl: 'nonsense'" in line
    assert "see `journalctl -e` on the host, then run again" in line


def test_no_run_asks_dovecot_for_all_users(host: MailHost) -> None:
    noted = 'echo "$*" >> /run/asked; exec /root/genuine "$@"'
    host.run("rm", "-f", "/run/asked")
    with instead_of(host, "/usr/bin/doveadm", noted):
        host.must_deploy()
    asked = host.run("cat", "/run/asked").splitlines()
    assert [line for line in asked if "*" in line or "-A" in line.split()] == []
    assert "user alice@example.test bob@example.test carol@second.test" in asked
