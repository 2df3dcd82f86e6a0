"""Everybody at once on a host of one core and 1 GB; see testbed/programs/crowd.py."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from testbed import memory
from testbed.container import Target
from testbed.peer import Peer

PROGRAM = Path(__file__).parent / "programs" / "crowd.py"
SESSIONS = {"imap": 20, "submission": 10, "inbound": 50}
#: Addresses that the sessions of other hosts come from: five each, as a large site has.
SOURCES = 10


@dataclass
class Result:
    """
    What came of it.

    + taken, sent: messages to its users, and to elsewhere, that the host said 250 to
    + looks: at a mailbox, over IMAP
    + peak: most anonymous memory in MB
    + processes: name -> how many there were at most, and MB of the largest
    """

    taken: int
    sent: int
    looks: int
    errors: list[str]
    peak: float = 0.0
    processes: dict[str, tuple[int, float]] = field(default_factory=dict)


def run(
    target: Target,
    world: Peer,
    passwords: Mapping[str, str],
    subject: str = "load",
    *,
    messages: int = 1,
    seconds: float = 0,
    size: int = 20_000,
) -> Result:
    """
    Let them all at a target, and watch its memory until it is over.

    + subject: of all messages
    + messages, seconds: how many each session sends, and how long it goes on, at least
    """
    sources = world.more_addresses(SOURCES)
    arguments = {
        "address": target.address,
        "passwords": dict(passwords),
        "sources": sources,
        "sessions": SESSIONS,
        "subject": subject,
        "messages": messages,
        "seconds": seconds,
        "size": size,
    }
    command = ("python3", "-", json.dumps(arguments))
    peak = 0.0
    seen: dict[str, tuple[int, float]] = {}
    with ThreadPoolExecutor(1) as threads:
        job = threads.submit(world.exec, *command, input=PROGRAM.read_text(), timeout=900)
        while not job.done():
            peak = max(peak, memory.usage(target).anon)
            for name, each in memory.processes(target).items():
                count, largest = seen.get(name, (0, 0.0))
                seen[name] = (max(count, len(each)), max(largest, *each))
    said = json.loads(job.result())
    taken, sent, looks = (said.get(key, 0) for key in ("in", "out", "looks"))
    return Result(taken, sent, looks, said["errors"], peak, seen)
