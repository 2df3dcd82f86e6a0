"""A disk that runs full: new mail has to wait outside, what was taken waits in the queue."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from acceptance.support.killing import settle
from acceptance.support.mailhost import MailHost
from acceptance.support.signatures import unique
from facts.health import Health
from services.postfix import POSTFIX, QUEUE_MINFREE
from tasks.checks import machine
from tasks.checks.finding import Severity, Status
from testbed.messages import message
from testbed.wait import wait_until

QUEUE, MAIL = "/var/spool/postfix", "/var/vmail"
MIB = 2**20
ROOM = 32 * MIB

# A service's mounts are as they were at its start, so all of them are started again.
STOP = 'systemctl stop "$1" dovecot opendkim opendmarc\n'
START = """
systemctl start opendkim opendmarc dovecot "$1" || true  # systemd tries again
"""
MOUNT = """
mkdir -p /run/small
mount -t tmpfs -o "size=$2,mode=755" tmpfs /run/small
cp -a /var/spool/postfix/. /run/small
mount --move /run/small /var/spool/postfix
mount -t tmpfs -o "size=$3,mode=700,uid=$(id -u vmail),gid=$(id -g vmail)" tmpfs /var/vmail
"""
UNMOUNT = "umount /var/spool/postfix /var/vmail"


@pytest.fixture(scope="module")
def small(host: MailHost) -> Iterator[MailHost]:
    """The host with little room for its queue, and 8 MiB for mail."""
    remount(host, MOUNT, str(QUEUE_MINFREE + ROOM), str(8 * MIB))
    yield host
    remount(host, UNMOUNT)


def remount(host: MailHost, script: str, *arguments: str) -> None:
    """Change mounts while no service runs."""
    unit = host.unit(POSTFIX)
    host.run("sh", "-euc", STOP + script + START, "remount", unit, *arguments)
    services = ("is-active", "opendkim", "opendmarc", "dovecot", unit)
    wait_until(
        lambda: set(host.run("systemctl", *services, check=False).split()) == {"active"},
        20,
        "all services are back",
    )


def fill(host: MailHost, folder: str, size: int | None = None) -> None:
    """Take space away: so many bytes, or all that there are."""
    count = "" if size is None else f"count={size // 1024}"
    host.run("sh", "-c", f"dd if=/dev/zero of={folder}/filler bs=1k {count} 2>/dev/null || true")


def free(host: MailHost, folder: str) -> None:
    """Give it back."""
    host.run("rm", f"{folder}/filler")


def arrive(host: MailHost, subject: str, size: int = 10) -> None:
    """Send a message to alice from outside."""
    with host.smtp(25) as client:
        text = ("x" * 70 + "\n") * (size // 71 + 1)
        client.send_message(message(subject, "someone@world.test", "alice@example.test", text=text))


def refusal(host: MailHost, port: int) -> tuple[int, bytes]:
    """Return what MAIL FROM is told."""
    with host.smtp(port, None if port == 25 else "alice") as client:
        return client.mail("alice@example.test" if port != 25 else "someone@world.test")


def test_without_room_in_the_queue_new_mail_is_told_to_come_back(small: MailHost) -> None:
    before, after = unique("room"), unique("room again")
    arrive(small, before)
    fill(small, QUEUE, ROOM)
    for port in (25, 465):
        code, text = refusal(small, port)
        assert (code, text.split()[0]) == (452, b"4.3.1")
    assert small.wait_for("alice", before), "what was taken is delivered, and read, all the same"
    free(small, QUEUE)
    arrive(small, after)
    assert small.wait_for("alice", after)


# To what is in use now; df(1) pads its number.
NO_ROOM = "mount -o remount,size=$(($(df -B1 --output=used $1 | tail -n 1))) $1"


def test_a_queue_that_runs_full_amid_a_message_takes_it_not(small: MailHost) -> None:
    lost = message(unique("amid"), "someone@world.test", "alice@example.test", text="x" * 100_000)
    settle(small)  # nothing that leaves the queue makes room meanwhile
    with small.smtp(25) as client:
        assert client.mail("someone@world.test")[0] == 250, "the last look at free space"
        small.run("sh", "-c", NO_ROOM, "fill", QUEUE)
        client.rcpt("alice@example.test")
        code, _ = client.data(lost.as_bytes())
    small.run("mount", "-o", f"remount,size={QUEUE_MINFREE + ROOM}", QUEUE)
    assert 400 <= code < 500
    after = unique("after")
    arrive(small, after)
    assert small.wait_for("alice", after)
    assert small.search("alice", lost["Subject"]) == []


def test_without_room_for_mail_it_waits_and_is_read_and_deleted(small: MailHost) -> None:
    kept, deleted = unique("kept"), unique("deleted")
    large, little = unique("large"), unique("little")
    for subject, size in ((kept, 10), (deleted, MIB)):
        arrive(small, subject, size)
        small.wait_for("alice", subject)

    arrive(small, large, 12 * MIB)
    wait_deferred(small, 1)
    fill(small, MAIL)
    arrive(small, little)
    wait_deferred(small, 2)
    assert small.log("status=bounced.*No space left") == []

    # Not one byte is left. Deleting is what makes room again, so it has to work without any.
    assert kept in small.search("alice", kept)[0].decode()
    with small.imap("alice") as client:
        client.select("INBOX")
        too_much = b"Subject: saved\r\n\r\n" + b"x" * 100_000
        assert client.append("INBOX", "", "", too_much)[0] == "NO"
        _, (found,) = client.search(None, "SUBJECT", f'"{deleted}"')
        client.store(found.decode(), "+FLAGS", "\\Deleted")
        client.expunge()
    assert small.search("alice", deleted) == []

    free(small, MAIL)
    small.run("mount", "-o", f"remount,size={ROOM}", MAIL)
    settle(small)
    for subject in (large, little, kept):
        assert len(small.search("alice", subject)) == 1, subject


def wait_deferred(host: MailHost, count: int) -> None:
    """Wait until so many messages wait in the queue for room."""
    reason = "No space left on device"
    wait_until(
        lambda: host.run("postqueue", "-j").count(reason) == count, 20, f"{count} wait for room"
    )


def test_the_check_sees_full_disks(small: MailHost) -> None:
    fill(small, MAIL)
    health = Health()
    lines = small.run("sh", "-c", health.command().get_raw_value()).splitlines()
    found = {each.subject: each for each in machine.disks(health.process(lines), 50 * MIB)}
    free(small, MAIL)
    assert found[MAIL].status == Status.FAILED
    assert found[MAIL].severity == Severity.REQUIRED
    assert QUEUE in found


def test_mail_in_memory_is_refused_before_anything_is_touched(small: MailHost) -> None:
    run = small.deploy()
    assert run.code == 1
    assert "nothing was touched" in run.output
    for folder in (QUEUE, MAIL):
        assert f"{folder} is in memory" in run.output
