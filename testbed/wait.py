"""Waiting for something that another process does: bounded, by its condition, never by a guess."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class TimedOut(Exception):
    """What was waited for did not come true in time."""


def wait_until(condition: Callable[[], T], timeout: float, what: str) -> T:
    """Return the condition's first truthy value; `TimedOut` after `timeout` seconds without one.

    The condition is asked at least once, and again at the deadline. Looks are close together
    at first and a quarter of a second apart later.
    """
    deadline = time.monotonic() + timeout
    pause = 0.01
    while True:
        expired = time.monotonic() >= deadline
        value = condition()
        if value:
            return value
        if expired:
            raise TimedOut(f"{what}: not within {timeout:g} s (last seen: {value!r})")
        time.sleep(min(pause, max(0.0, deadline - time.monotonic())))
        pause = min(pause * 1.5, 0.25)
