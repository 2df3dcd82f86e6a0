"""What memory everybody at once takes on 1 GB (`make bench-load`); see docs/memory.md."""

from __future__ import annotations

import time

from bench.two_targets import seconds, two_targets
from testbed import crowd, memory
from testbed.inventory import PASSWORDS
from testbed.targets import Target
from testbed.wait import wait_until

SECONDS = 180
#: More than a login sends in that time, with the service that counts.
MUCH = dict.fromkeys(
    ("messages_hour", "messages_day", "recipients_hour", "recipients_day"), 1_000_000
)


def is_idle(target: Target) -> bool:
    """Return whether no process is left that serves somebody."""
    return not memory.processes(target).keys() & {"imap", "smtpd", "cleanup", "smtp"}


def measure(release: int) -> None:
    """Print what memory a host of one release takes with everybody at once."""
    with two_targets(release) as pair:
        target, started = pair.deployed, time.time()
        pair.deploy(mail_limits=MUCH, mail_trusted_networks=[str(pair.world.network)])
        idle = memory.usage(target)
        result = crowd.run(target, pair.world, PASSWORDS, seconds=SECONDS)
        waited = seconds(lambda: wait_until(lambda: is_idle(target), 300, "idle processes end"))
        after = memory.usage(target)
        print(f"Debian {release}: {crowd.SESSIONS} for {SECONDS} s, {len(result.errors)} errors")
        print(f"  {result.taken} messages taken, {result.sent} sent, {result.looks} looks")
        print(f"  MB: idle {idle.anon:.0f}, peak {result.peak:.0f}, ", end="")
        print(f"{waited:.0f} s after the load {after.anon:.0f}; swap {after.swap:.0f}")
        print(f"  killed for memory {after.oom_kills}; alarms {memory.alarms(target, started)}")
        for name, (count, largest) in sorted(result.processes.items()):
            print(f"    {name:18} {count:3} at most, the largest {largest:5.1f} MB")
