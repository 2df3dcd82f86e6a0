"""From bare to mail host, and a second run that changes nothing."""

from __future__ import annotations

import re

import pytest

from acceptance import engine
from acceptance.conftest import inventory_data
from acceptance.mailhost import HOSTNAME, MailHost, Run, data_arguments

OPERATIONS = ("Packages", "Machine", "TLS", "DKIM", "Configuration")


def test_the_first_run_does_everything(bare_host: MailHost, first_run: Run) -> None:
    if bare_host.kept:
        pytest.skip("the target was kept from an earlier run")
    for begin in OPERATIONS:
        assert any(name.startswith(begin) for name in first_run.changed), begin


def test_a_second_run_changes_nothing_and_restarts_nothing(host: MailHost) -> None:
    before = host.pids()
    run = host.must_deploy()
    assert run.changed == []
    assert host.pids() == before


def test_the_machine_is_as_wanted(host: MailHost) -> None:
    assert host.run("hostname", "-f").strip() == HOSTNAME
    assert host.run("cat", "/etc/hostname").strip() == HOSTNAME
    assert host.run("cat", "/etc/mailname").strip() == "example.test"
    assert host.run("getent", "passwd", "vmail").strip().endswith(":/var/vmail:/usr/sbin/nologin")
    assert "SystemMaxUse=200M" in host.run("systemd-analyze", "cat-config", "systemd/journald.conf")
    assert host.run("systemctl", "is-enabled", "systemd-timesyncd").strip() == "enabled"
    for service in ("postfix", "dovecot", "opendkim"):
        assert host.run("systemctl", "is-enabled", service).strip() == "enabled"


def test_a_mail_user_is_no_unix_account(host: MailHost) -> None:
    accounts = host.run("getent", "passwd")
    assert not re.search(r"^(alice|bob|carol):", accounts, re.MULTILINE)


def test_opendkim_is_bounded_and_restarted(host: MailHost) -> None:
    shown = host.run(
        *("systemctl", "show", "opendkim"),
        *("-p", "Restart", "-p", "MemoryMax", "-p", "RuntimeMaxUSec"),
    )
    assert set(shown.split()) == {"Restart=always", "MemoryMax=100663296", "RuntimeMaxUSec=1d"}


def test_idle_memory_is_below_100_megabytes(host: MailHost) -> None:
    container = engine.ensure().containers.get(host.target.id)
    stats = container.stats(stream=False)["memory_stats"]["stats"]
    assert stats.get("anon", stats.get("total_rss")) < 100e6


def test_the_plan_of_an_up_to_date_host_is_empty(host: MailHost) -> None:
    result = host.pyinfra("deploy.py", "--dry")
    assert result.returncode == 0, result.stderr
    table = result.stderr.split("Detected changes:")[1]
    assert HOSTNAME not in table
    assert "1 (" not in table


def test_a_plan_is_true_and_changes_nothing(host: MailHost) -> None:
    before = host.run("sh", "-c", "sha256sum /etc/postfix/*.cf /etc/dovecot/users")
    changes = {"mail_message_size_limit": 12345678}
    result = host.pyinfra("deploy.py", "--dry", "--diff", *data_arguments(changes))
    assert result.returncode == 0, result.stderr
    assert "+message_size_limit = 12345678" in result.stderr
    (planned,) = re.findall(r"^ *(\w+):[^\n]*1 \(", result.stderr, re.MULTILINE)
    assert planned == "Configuration"
    assert host.run("sh", "-c", "sha256sum /etc/postfix/*.cf /etc/dovecot/users") == before


def test_no_run_shows_a_secret(changed_host: MailHost) -> None:
    host = changed_host
    users = inventory_data(host.target)["mail_users"]
    assert isinstance(users, dict)
    users = {**users, "dora": users["alice@example.test"]}
    old = host.run("cat", "/etc/dovecot/users")
    arguments = ("-vvv", "--diff", *data_arguments({"mail_users": users}))
    plan = host.pyinfra("deploy.py", "--dry", *arguments)
    run = host.pyinfra("deploy.py", "-y", *arguments)
    assert (plan.returncode, run.returncode) == (0, 0), plan.stderr + run.stderr
    assert host.run("doveadm", "user", "dora") != ""
    shown = plan.stdout + plan.stderr + run.stdout + run.stderr
    assert "/etc/dovecot/users: changes" in shown
    for user, settings in users.items():
        assert settings["password_hash"].split("$")[3] not in shown, user
    assert "$6$" not in shown
    for line in old.splitlines():
        assert line.split(":")[1] not in shown
    assert "PRIVATE KEY" not in shown
