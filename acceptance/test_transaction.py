"""Configurations that pass every check and still fail: what served before serves again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from acceptance.support.killing import LEFTOVERS, kill_when
from acceptance.support.mailhost import MailHost
from acceptance.support.runs import CONFIGURATION
from services.all import ALL
from testbed.inventory import HASHES
from testbed.messages import message

#: The earlier configuration: without a second domain, forwards to other hosts and OpenDMARC, each
#: of which the inventory as it is brings back.
EARLIER: dict[str, object] = {
    "mail_domains": ["example.test"],
    "mail_users": {
        user: {"password_hash": digest}
        for user, digest in HASHES.items()
        if user.endswith("@example.test")
    },
    "mail_aliases": {"root": ["alice"]},
    "mail_dmarc_inbound": "off",
}

#: Files with owner and mode, and which services run and start at boot.
UNITS = " ".join(each.unit for each in ALL if each.is_watched)
STATE = f"""
find /etc/postfix /etc/dovecot /etc/opendkim* /etc/opendmarc.conf /etc/default /etc/systemd \
  ! -name local.conf ! -name opendmarc.service.d -exec stat -c '%n %U:%G %a' {{}} + | sort
find /etc/postfix /etc/dovecot /etc/opendkim* /etc/default -type f -exec sha256sum {{}} + | sort
for unit in {UNITS}; do
  echo "$unit $(systemctl is-enabled $unit) $(systemctl is-active $unit)"
done
"""
MAIN_CF = "/etc/postfix/main.cf"
KEPT = "/var/lib/mailhost/kept"

# A program of somebody else's at the port of the second pass of forwards.
ALIEN = """
systemd-run -q --collect --unit=alien python3 -c '
import socket
server = socket.create_server(("127.0.0.1", 10026))
while True:
    server.accept()[0].sendall(b"I am somebody else\\r\\n")'
timeout 20 sh -c 'until ss -Hltn | grep -q 127.0.0.1:10026; do sleep 0.02; done'
"""
NO_SOCKET = """
mkdir -p /etc/systemd/system/opendmarc.service.d
printf '[Service]\\nExecStartPost=/bin/rm -f /var/spool/postfix/opendmarc/opendmarc.sock\\n' \
  > /etc/systemd/system/opendmarc.service.d/local.conf
"""
# Done by hand, undone, what the run says. On Debian 12 the first of them, which Postfix meets; the
# way back is the same for all.
OBSTACLES = [
    (
        ALIEN,
        "systemctl stop alien",
        [".service: fatal: bind 127.0.0.1 port 10026: Address already in use"],
    ),
    (
        NO_SOCKET,
        "rm /etc/systemd/system/opendmarc.service.d/local.conf",
        ["opendmarc: postfix can't reach the socket /var/spool/postfix/opendmarc/opendmarc.sock"],
    ),
    (
        "chown root:root /etc/dkimkeys/second.test",
        "chown opendkim:opendkim /etc/dkimkeys/second.test",
        [
            "opendkim: can't sign for second.test: answers a message with a temporary failure",
            "/etc/dkimkeys/second.test/default.private",
        ],
    ),
]
BACK = "The earlier configuration is back, and answers."


def goes_back(host: MailHost, earlier: str, said: list[str], **data: Any) -> None:
    """Deploy the inventory; it fails and says why, all is as it was, and serves."""
    run = host.deploy(**data)
    assert run.code == 1, run.output
    for words in [*said, BACK]:
        assert words in run.output
    assert "Traceback" not in run.output
    assert host.run("sh", "-c", STATE) == earlier
    assert host.run("sh", "-c", f"{LEFTOVERS}; ls -d {KEPT} || :") == ""
    subject = f"after {said[0][:40]}"
    host.send(message(subject, "alice@example.test", "bob@example.test"), port=587)
    assert b"d=example.test" in host.wait_for("bob", subject)


# When the earlier main.cf is back, by the hand of the command that holds the lock.
KILLER = f"""
until grep -q second.test {MAIN_CF}; do sleep 0.02; done
while grep -q second.test {MAIN_CF}; do sleep 0.02; done
for fd in /proc/[0-9]*/fd/9; do
  process=${{fd#/proc/}}
  [ "$(readlink "$fd")" != /run/mailhost/lock ] || kill -9 "${{process%%/*}}" || :
done
"""


def is_cut_off_twice(host: MailHost) -> None:
    """Kill a run between its swap and its probe, and another one, with more changes, going back."""
    swapped = f"grep -q second.test {MAIN_CF} && ! ls -d /etc/.mailhost.*"
    kill_when(
        host, "Starting operation: Configuration", then=f"until {swapped}; do sleep 0.02; done"
    )
    assert host.run("ls", KEPT) != ""
    with ThreadPoolExecutor() as threads:
        killed = threads.submit(host.run, "timeout", "60", "sh", "-c", KILLER)
        assert host.deploy(mail_message_size_limit=7000000).code == 1
        killed.result()
    assert host.run("ls", KEPT) != ""


@pytest.mark.provoking
def test_what_fails_is_taken_back(host: MailHost) -> None:
    with host.deployed(**EARLIER):
        earlier, dovecot = host.run("sh", "-c", STATE), host.pids()["dovecot"]
        obstacles = OBSTACLES if host.release == 13 else OBSTACLES[:1]
        for done, undone, said in obstacles:
            host.run("sh", "-euc", done)
            try:
                goes_back(host, earlier, said)
                assert host.pids()["dovecot"] == dovecot, "a reload was enough"
                if (done, undone, said) == obstacles[-1]:
                    is_cut_off_twice(host)
                    goes_back(host, earlier, said, mail_message_size_limit=8000000)
            finally:
                host.run("sh", "-euc", undone)
        # Without the obstacles the next run succeeds.
        assert host.must_deploy().changed == [CONFIGURATION]
        assert host.run("sh", "-c", f"{LEFTOVERS}; ls -d {KEPT} || :") == ""
        host.send(message("forth", "alice@example.test", "carol@second.test"))
        assert host.wait_for("carol@second.test", "forth")
        assert host.must_deploy().changed == []
