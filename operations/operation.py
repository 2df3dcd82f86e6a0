"""The decorator of all our operations: a fact that cannot be read fails one, in one line."""

import functools
from collections.abc import Callable, Generator
from typing import Any, ParamSpec

from pyinfra import api, host, logger, state
from pyinfra.api import FunctionCommand, Host, State
from pyinfra.api.exceptions import PyinfraError

P = ParamSpec("P")
Commands = Generator[Any, None, None]


def _fail(state: State, host: Host) -> bool:  # pyinfra takes the result only of what has these two
    return False


def _guarded(function: Callable[P, Commands]) -> Callable[P, Commands]:
    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Commands:
        try:
            yield from function(*args, **kwargs)
        except PyinfraError as error:
            if not state.is_executing:
                raise
            # An exception would end the run for all hosts, with a traceback for each.
            logger.error("%s%s", host.print_prefix, error)
            yield FunctionCommand(_fail, (), {})

    return guarded


def operation() -> Callable[[Callable[P, Commands]], Any]:
    """Return pyinfra's decorator, for operations that read facts."""
    return lambda function: api.operation()(_guarded(function))
