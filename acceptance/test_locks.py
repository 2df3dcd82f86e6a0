"""Locks of runs and of the firewall: root's alone, and no way back waits for one for ever."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from acceptance.support.mailhost import MailHost
from acceptance.support.runs import CONFIGURATION
from acceptance.test_firewall import FIREWALL, ONE_CONNECTION, TABLE
from testbed.command_line import data_arguments
from testbed.container import CommandFailed
from testbed.inventory import inventory_data, over_ssh
from testbed.wait import wait_until

# As an earlier version made them.
OPEN = """
mkdir -p /run/mailhost
touch /run/mailhost/lock /run/mailhost/firewall.lock /run/mailhost/postfix
chmod 755 /run/mailhost
chmod 644 /run/mailhost/*
"""
HOLD = """
exec 7< /run/mailhost/lock 8< /run/mailhost/firewall.lock
flock 7 && flock 8 && echo held > "$1" && exec sleep 900
"""


@contextmanager
def held_by_nobody(host: MailHost) -> Iterator[None]:
    """A Unix account without any rights takes both locks, and keeps them."""
    host.run("install", "-o", "nobody", "-m", "600", "/dev/null", "/tmp/held")
    unit = ("systemd-run", "-q", "--collect", "--unit=holder", "--property=User=nobody")
    host.run(*unit, "sh", "-c", HOLD, "holder", "/tmp/held")
    try:
        wait_until(lambda: host.run("cat", "/tmp/held").strip(), 5, "nobody holds the locks")
        yield
    finally:
        host.run("systemctl", "stop", "holder", check=False)
        host.run("rm", "/tmp/held")


def test_locks_that_anybody_holds_since_an_earlier_version_hold_up_no_run(host: MailHost) -> None:
    host.run("sh", "-euc", OPEN)
    changes = {"mail_message_size_limit": 7000000, "mail_open_ports": [81]}
    with host.restored(), held_by_nobody(host):
        run = host.pyinfra("deploy.py", "-y", *data_arguments(changes), timeout=120)
        assert run.returncode == 0, run.stderr
        assert host.run("find", "/run/mailhost", "-perm", "/077") == ""
        assert host.must_deploy(**changes).changed == []


def test_a_run_without_changes_takes_the_locks_from_everybody(host: MailHost) -> None:
    host.run("sh", "-euc", OPEN)
    assert len(host.must_deploy().changed) == 1
    assert host.run("find", "/run/mailhost", "-perm", "/077") == ""
    for name in ("lock", "firewall.lock"):
        with pytest.raises(CommandFailed, match="Permission denied"):
            host.run("setpriv", "--reuid=nobody", "flock", "-n", f"/run/mailhost/{name}", "true")
    assert host.must_deploy().changed == []


def test_stamps_and_rules_of_a_run_are_roots_alone(host: MailHost) -> None:
    with host.deployed(mail_message_size_limit=7000000, mail_open_ports=[81]) as run:
        assert run.changed == [CONFIGURATION, FIREWALL]
        assert host.run("find", "/run/mailhost", "-perm", "/077") == ""


# Takes the lock as soon as the command that loaded the rules lets it go.
HOLD_FIREWALL = """
until [ -e /run/mailhost/firewall.earlier ]; do sleep 0.02; done
exec flock /run/mailhost/firewall.lock sleep 900
"""


def test_rules_are_taken_back_while_somebody_holds_the_lock(
    host: MailHost, ssh_key: Path, tmp_path: Path
) -> None:
    data = inventory_data(host.target) | over_ssh(host.target, ssh_key)
    (tmp_path / "ssh.py").write_text(f"mail = [({host.target.name!r}, {data!r})]\n")
    (tmp_path / "config.py").write_text("from pyinfra import config\nconfig.CONNECT_TIMEOUT = 2\n")
    by_ssh = replace(host, inventory=tmp_path / "ssh.py", by_docker=False)
    before = host.run(*TABLE)
    host.run("systemd-run", "-q", "--collect", "--unit=holder", "sh", "-c", HOLD_FIREWALL)
    host.run("nft", "-f", "-", input=ONE_CONNECTION)
    try:
        patient = ("--config", str(tmp_path / "config.py"), "deploy.py", "-y")
        cut_off = by_ssh.pyinfra(*patient, *data_arguments({"mail_open_ports": [81]}))
        assert "no new connection got through the new firewall rules" in cut_off.stderr
        assert "tcp dport 81 accept" in host.run(*TABLE)
        wait_until(lambda: host.run(*TABLE) == before, 60, "the earlier rules are back")
    finally:
        host.run("systemctl", "stop", "holder", check=False)
        host.run("nft", "delete", "table", "inet", "theirs")
    with host.deployed(mail_open_ports=[81]) as run:
        assert run.changed == [FIREWALL]
