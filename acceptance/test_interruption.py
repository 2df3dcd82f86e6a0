"""Runs that are killed, and configuration that fails the services' own checks."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from acceptance.support import prepared
from acceptance.support.killing import LEFTOVERS, kill_when
from acceptance.support.mailhost import MailHost
from acceptance.support.starting import inventory_file, start_target
from testbed.command_line import data_arguments
from testbed.inventory import ROOT

MAIN_CF = "/etc/postfix/main.cf"
# What the operation has done by then: a little later than its first words.
BEGUN = {
    "Packages": "until [ -e /usr/sbin/policy-rc.d ]; do sleep 0.02; done",
    "DKIM": "until ls -d /etc/dkimkeys/.new.* /etc/dkimkeys/*/*.private; do sleep 0.02; done",
    "Configuration": "until [ -e /etc/opendkim/tables/keys ]; do sleep 0.02; done",
}


def test_a_first_run_killed_at_every_step_is_made_good(
    host: MailHost, ssh_key: Path, target_name: str
) -> None:
    """One new target, killed once within each operation, each time a little further on."""
    image = prepared.image(host.release)
    target = start_target(f"{target_name}-killed", host.release, host.peer, ssh_key, image)
    try:
        # Most packages are there, so that not all time goes by with the rest.
        target.exec("dpkg", "--purge", "opendkim", "dovecot-pop3d", "postsrsd")
        bare = MailHost(host.release, target, host.peer, inventory_file(target, ssh_key))
        for operation in ("Packages", "Machine", "TLS", "DKIM", "Configuration"):
            kill_when(bare, f"Starting operation: {operation}", then=BEGUN.get(operation, ""))
        bare.must_deploy()
        assert bare.run("sh", "-c", LEFTOVERS) == ""
        assert bare.must_deploy().changed == []
        with bare.smtp(465, "alice") as client:
            assert client.noop()[0] == 250
    finally:
        target.remove()


def test_a_reload_that_was_not_reached_is_made_good(host: MailHost) -> None:
    changes = {"mail_message_size_limit": 7654321}
    with host.restored():
        # What a run leaves that dies between the last mv and the reload.
        host.run("sed", "-i", "s/^message_size_limit.*/message_size_limit = 7654321/", MAIN_CF)
        run = host.must_deploy(**changes)
        assert len(run.changed) == 1
        assert announced_size(host) == 7654321
        assert host.must_deploy(**changes).changed == []


def announced_size(host: MailHost) -> int:
    with host.smtp(25) as client:
        return int(client.esmtp_features["size"])


def test_a_run_killed_while_it_swaps_is_made_good(host: MailHost) -> None:
    changes = {"mail_message_size_limit": 7000000}
    with host.restored():
        begun, arguments = "Starting operation: Configuration", data_arguments(changes)
        for then in ("", f"until grep -q 7000000 {MAIN_CF}; do sleep 0.02; done"):
            kill_when(host, begun, *arguments, then=then)
        host.must_deploy(**changes)
        assert announced_size(host) == 7000000
        assert host.run("sh", "-c", LEFTOVERS) == ""
        assert host.must_deploy(**changes).changed == []


def test_leftovers_of_killed_commands_are_cleared(host: MailHost) -> None:
    host.run(
        "sh",
        "-euc",
        "mkdir /etc/.mailhost.killed /etc/dkimkeys/.new.killed /etc/ssl/mail/.new.killed; "
        "echo secret > /etc/.mailhost.killed/x; "
        "printf '#!/bin/sh\\n# mailhost: nothing starts before it is configured\\nexit 101\\n' "
        "> /usr/sbin/policy-rc.d",
    )
    host.must_deploy()
    assert host.run("sh", "-c", LEFTOVERS) == ""


# What apt's daily job does on a new VPS at the worst moment; seconds.
APT_AT_WORK = """
rm -f /run/apt-held
perl -MFcntl=:DEFAULT,:seek -e '
  open(my $lock, ">", "/var/lib/apt/lists/lock") or die;
  my $whole = pack("ssx4qqlx4", F_WRLCK, SEEK_SET, 0, 0, 0);
  fcntl($lock, F_SETLK, $whole) or die;
  open(my $held, ">", "/run/apt-held");
  sleep 5' > /dev/null 2>&1 &
timeout 20 sh -c 'until [ -e /run/apt-held ]; do sleep 0.02; done'
! apt-get update
"""


def test_packages_left_half_configured_are_finished(host: MailHost) -> None:
    # As dpkg leaves it when it is killed between unpacking and configuring.
    host.run("dpkg", "--unpack", prepared.KEPT)
    assert host.run("dpkg", "--audit") != ""
    host.run("sh", "-euc", APT_AT_WORK)
    assert host.must_deploy().changed[:1] == [
        "Packages: Postfix, Dovecot, OpenDKIM and what they need"
    ]
    assert host.run("dpkg", "--audit") == ""
    with host.pop3("alice") as client:
        assert client.stat()


BROKEN = {
    "dovecot": ("templates/dovecot/{series}/dovecot.conf.j2", "ssl_min_protocol", "ssl_minn"),
    "postfix": ("templates/postfix/main.cf.j2", "smtpd_helo_required", "smtpd_helo_requird"),
    "opendkim": ("templates/opendkim/opendkim.conf.j2", "AuthservID", "AuthservIdentity"),
}


@pytest.mark.parametrize("service", BROKEN)
def test_configuration_that_fails_its_check_replaces_nothing(
    host: MailHost, tmp_path: Path, service: str
) -> None:
    template, setting, misspelt = BROKEN[service]
    path = template.format(series={12: "2.3", 13: "2.4"}[host.release])
    files = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True)
    for name in files.rstrip("\0").split("\0"):
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    broken = tmp_path / path
    broken.write_text(broken.read_text().replace(setting, misspelt))

    state = "find /etc/postfix /etc/dovecot /etc/opendkim* /etc/systemd -type f | xargs sha256sum"
    before, pids = host.run("sh", "-c", state), host.pids()
    # Something that all three would like to change along with it.
    run = subprocess.run(
        [*host.command("deploy.py", "-y"), *data_arguments({"mail_message_size_limit": 8000000})],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert run.returncode == 1
    assert misspelt in run.stderr
    assert "Nothing was replaced" in run.stderr
    assert "Traceback" not in run.stderr
    assert (host.run("sh", "-c", state), host.pids()) == (before, pids)
    assert host.run("sh", "-c", LEFTOVERS) == ""
    assert announced_size(host) == 52428800
