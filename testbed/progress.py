"""Long steps that show what they do, how long they have taken, and why they failed."""

import fcntl
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

TELL_EVERY = 5.0  # seconds between two signs of life


class SetupError(Exception):
    """Something that this machine lacks or that failed, said in one sentence for a person."""


def say(line: str) -> None:
    """Print one line for a person at once (one write, so that threads do not mix their lines)."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


@contextmanager
def step(what: str) -> Iterator[Callable[[str], None]]:
    """Announce a step, show every few seconds that it lives, and say how long it took.

    Yields a function that takes the latest detail, shown with the next sign of life.
    """
    started = time.monotonic()
    done = threading.Event()
    latest = [""]

    def tell() -> None:
        while not done.wait(TELL_EVERY):
            say(f"    {what}: {time.monotonic() - started:.0f} s  {latest[0][:80]}".rstrip())

    def detail(text: str) -> None:
        latest[0] = text.strip() or latest[0]

    say(f"--> {what}")
    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield detail
    finally:
        done.set()
        thread.join()
    say(f"    {what}: done in {time.monotonic() - started:.1f} s")


def follow(what: str, lines: Iterable[str]) -> None:
    """Run through a step's output lines, showing the latest one as its progress."""
    with step(what) as detail:
        for line in lines:
            detail(line)


def run(what: str, argv: Sequence[str], env: Mapping[str, str] | None = None) -> None:
    """Run a long command as a step; when it fails, show its last lines and say so in a sentence."""
    last: deque[str] = deque(maxlen=15)
    with step(what) as detail:
        process = subprocess.Popen(
            argv,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        assert process.stdout is not None
        for line in process.stdout:
            last.append(line.rstrip())
            detail(line)
        code = process.wait()
        if code:
            for line in last:
                say(f"    | {line}")
            raise SetupError(f"{what} failed: {argv[0]} exited with {code}.")


@contextmanager
def only_one(what: str) -> Iterator[None]:
    """Let one process at a time of this user do `what`; the others wait for it here."""
    path = Path(tempfile.gettempdir()) / f"mailhost-{os.geteuid()}-{what}.lock"
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
