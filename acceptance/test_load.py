"""Everybody at once on one core and 1 GB: all is taken, nobody is killed, memory comes back."""

from __future__ import annotations

import time

from acceptance import crowd, memory
from acceptance.mailhost import MailHost
from acceptance.wait import wait_until

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
touch /run/mailhost/postfix
postfix reload 2> /dev/null
"""
#: Mail that is on its way, or in a mailbox, or at the other mail server.
QUEUE = "cd /var/spool/postfix; find maildrop incoming active deferred -type f | wc -l"
MAILBOXES = "find /var/vmail/*/*/Maildir/new /var/vmail/*/*/Maildir/cur -type f | wc -l"
ELSEWHERE = "ls /var/mail/sink/new | wc -l"


def test_everybody_at_once_and_memory_comes_back(host: MailHost) -> None:
    def delivered() -> tuple[int, int]:
        at_the_peer = host.peer.exec("sh", "-c", ELSEWHERE)
        return int(host.run("sh", "-c", MAILBOXES)), int(at_the_peer)

    began = time.time()
    host.run("sh", "-euc", SOON)
    try:
        idle = memory.usage(host.target)
        here, elsewhere = delivered()
        result = crowd.run(host.target, host.peer, host.passwords, messages=3)
        assert result.errors == []
        assert (result.taken, result.sent) == (3 * 60, 3 * 10)
        assert result.processes["imap"][0] == crowd.SESSIONS["imap"]
        wait_until(lambda: int(host.run("sh", "-c", QUEUE)) == 0, 60, "an empty queue")
        assert delivered() == (here + result.taken, elsewhere + result.sent)

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
    assert memory.usage(host.target).oom_kills == idle.oom_kills == 0
    assert memory.alarms(host.target, began) == []
