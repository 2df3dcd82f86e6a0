"""A host for unit tests of operations: it is given facts, and returns commands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

from pyinfra.context import ctx_host, ctx_state


class FakeHost:
    """Stands for pyinfra's current host; `facts` maps a fact class to what it returns."""

    print_prefix = "[fake]"
    name = "fake"

    def __init__(self, facts: Mapping[type, object]) -> None:
        self.facts = facts
        self.noops: list[str] = []

    def get_fact(self, fact: type, **_arguments: object) -> object:
        return self.facts[fact]

    def noop(self, description: str) -> None:
        self.noops.append(description)


def commands(
    operation: Callable[..., Any], facts: Mapping[type, object], **arguments: object
) -> tuple[list[str], list[str]]:
    """Return the commands that an operation yields, and its reasons for doing nothing."""
    host = FakeHost(facts)
    state = SimpleNamespace(config=SimpleNamespace(DIFF=False), is_executing=True)
    with ctx_host.use(host), ctx_state.use(state):
        generator: Iterator[Any] = operation._inner(**arguments)  # type: ignore[attr-defined]
        return [command.get_masked_value() for command in generator], host.noops
