"""Everybody at once on one core and 1 GB: all is taken, nobody is killed, memory comes back."""

from __future__ import annotations

import time

from acceptance.support.mailhost import MailHost
from acceptance.support.signatures import unique
from services.postfix import POSTFIX
from testbed import crowd, memory
from testbed.wait import wait_until

#: What the budget of docs/memory.md leaves for the page cache is not touched: far below it.
PEAK = 400.0
#: MB that daemons which stay may keep of a load: OpenDKIM's and Dovecot's, ready for the next one.
KEPT = 45.0

# Postfix ends its idle processes after 100 s, here after three.
SOON = """
cp -p /etc/postfix/main.cf /root/main.cf
postconf max_idle=3s
postfix reload 2> /dev/null
"""
AS_IT_WAS = """
mv /root/main.cf /etc/postfix/main.cf
mkdir -p /run/mailhost
touch /run/mailhost/postfix
"""
#: In mailboxes here, and at the other mail server.
DELIVERED = 'grep -rlF "Subject: $1" /var/vmail/*/*/Maildir/new /var/vmail/*/*/Maildir/cur | wc -l'
ELSEWHERE = 'grep -rlF "Subject: $1" /var/mail/sink/new | wc -l'


def test_everybody_at_once_and_memory_comes_back(host: MailHost) -> None:
    began, subject = time.time(), unique("load")

    def delivered() -> tuple[int, int]:
        here = host.run("sh", "-c", DELIVERED, "count", subject)
        return int(here), int(host.peer.exec("sh", "-c", ELSEWHERE, "count", subject))

    host.run("sh", "-euc", SOON)
    try:
        idle = memory.usage(host.target)
        result = crowd.run(host.target, host.peer, host.passwords, subject, messages=3)
        assert result.errors == []
        assert (result.taken, result.sent) == (3 * 60, 3 * 10)
        assert result.processes["imap"][0] == crowd.SESSIONS["imap"]
        wait_until(
            lambda: delivered() == (result.taken, result.sent), 60, "each message, exactly once"
        )
        assert result.peak < PEAK, result
        assert memory.usage(host.target).swap == 0
        wait_until(
            lambda: (
                memory.usage(host.target).anon < idle.anon + KEPT
                and not memory.processes(host.target).keys() & {"imap", "smtpd", "cleanup"}
            ),
            60,
            f"memory comes back, of {result.peak:.0f} MB, to {idle.anon:.0f} MB",
        )
    finally:
        host.run("sh", "-euc", AS_IT_WAS)
        # Or it goes on with `stress` for 1000 seconds: postconf(5).
        host.run("systemctl", "restart", host.unit(POSTFIX))
    assert memory.usage(host.target).oom_kills == idle.oom_kills == 0
    assert memory.alarms(host.target, began) == []
