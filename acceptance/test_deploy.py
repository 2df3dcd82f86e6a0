"""From bare to mail host, and a second run that changes nothing."""

from __future__ import annotations

import re
from pathlib import Path

from acceptance.support.mailhost import MailHost
from acceptance.support.starting import inventory_file, start_target
from testbed import engine
from testbed.command_line import data_arguments
from testbed.container import boot
from testbed.inventory import HOSTNAME
from testbed.messages import message

OPERATIONS = ("Packages", "Machine", "TLS", "DKIM", "Configuration", "Firewall")


def test_one_run_turns_a_bare_debian_into_a_mail_host(
    host: MailHost, ssh_key: Path, target_name: str
) -> None:
    target = start_target(f"{target_name}-bare", host.release, host.peer, ssh_key)
    try:
        by_docker = host.release == 12
        inventory = inventory_file(target, None if by_docker else ssh_key)
        bare = MailHost(
            host.release, target, host.peer, inventory, by_docker=by_docker, forks=False
        )
        changed = bare.must_deploy().changed
        for begin in OPERATIONS:
            assert any(name.startswith(begin) for name in changed), begin
        pids = bare.pids()
        bare.send(message("the first of all", "alice@example.test", "bob@example.test"))
        assert b"DKIM-Signature" in bare.wait_for("bob", "the first of all")
        assert bare.must_deploy().changed == []
        assert bare.pids() == pids
    finally:
        target.remove()


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
    # At least the cgroup's `anon`, which the engine cannot read on each host with cgroup v1: pages
    # that a fork shares are counted once for each process.
    summed = "awk '/^(RssAnon|VmSwap):/ { sum += $2 } END { print sum }' /proc/[0-9]*/status"
    kilobytes = int(host.run("sh", "-c", f"{summed} 2>/dev/null"))
    assert 5e3 < kilobytes < 100e3


def planned(output: str) -> dict[str, str]:
    """Return the first word of each operation's name -> on how many hosts it would change."""
    table = output.split("Detected changes:")[1].split("Detected changes may not")[0]
    return dict(re.findall(r"^ +(\w+): .*?  +(\S+)", table, re.MULTILINE))


def test_the_plan_of_an_up_to_date_host_is_empty(host: MailHost) -> None:
    result = host.pyinfra("deploy.py", "--dry")
    assert result.returncode == 0, result.stderr
    plan = planned(result.stderr)
    assert plan.keys() >= set(OPERATIONS)
    assert set(plan.values()) == {"-"}, plan


def test_a_plan_is_true_and_changes_nothing(host: MailHost) -> None:
    before = host.run("sh", "-c", "sha256sum /etc/postfix/*.cf /etc/dovecot/users")
    changes = {"mail_message_size_limit": 12345678}
    result = host.pyinfra("deploy.py", "--dry", "--diff", *data_arguments(changes))
    assert result.returncode == 0, result.stderr
    assert "+message_size_limit = 12345678" in result.stderr
    changed = [name for name, hosts in planned(result.stderr).items() if hosts != "-"]
    assert changed == ["Configuration"]
    assert host.run("sh", "-c", "sha256sum /etc/postfix/*.cf /etc/dovecot/users") == before


def test_everything_comes_back_after_a_reboot(host: MailHost, ssh_key: Path) -> None:
    container = engine.ensure().containers.get(host.target.id)
    address = host.target.address
    container.stop(timeout=30)
    host.target = boot(container, dns=[host.peer.address])
    assert host.target.address == address, "the zones lead there"
    inventory_file(host.target, ssh_key)  # its ports are published at others now
    for service in ("postfix", "dovecot", "opendkim"):
        assert host.run("systemctl", "is-active", service).strip() == "active"
    host.send(message("after the reboot", "alice@example.test", "bob@example.test"))
    assert b"DKIM-Signature" in host.wait_for("bob", "after the reboot")
    assert host.must_deploy().changed == []
