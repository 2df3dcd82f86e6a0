"""What all facts have in common: a failure is one line for a person."""

import functools
import inspect
import re
from collections.abc import Callable
from typing import Any, TypeVar

from gevent.hub import Hub  # type: ignore[import-untyped]
from pyinfra import host, logger, state
from pyinfra.api import FactBase, StringCommand
from pyinfra.api.exceptions import PyinfraError

from facts.shell import script
from facts.text import printable

T = TypeVar("T")

# What the command says on standard error reaches us only where the command fails.
_RUN = r"""
exec 3>&1
said=$(sh -c "$1" 2>&1 >&3 3>&-) && exit
code=$?
printf '\n%s %s\n%s\n' "$2" "$code" "$said"
"""
_FAILED = "mailhost: the command of this fact failed with"
#: Of what the host said; the rest is the same again, mostly.
_LONGEST = 300


class FactFailed(PyinfraError):
    """A fact could not be read; the text is one line: host, question, answer, remedy."""


# gevent prints a traceback of what ends a greenlet, before pyinfra prints the exception's line.
Hub.NOT_ERROR = (*Hub.NOT_ERROR, FactFailed)


class Fact(FactBase[T]):
    """
    A fact of ours. Where its command fails, or prints something else, it raises FactFailed.

    + remedy: what to do then
    """

    abstract = True
    remedy = "see `journalctl -e` on the host, then run again"

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "command" in vars(cls):
            cls.command = _reporting(cls.command)
        if parse := vars(cls).get("process"):
            if isinstance(parse, staticmethod):
                parse = _method(parse.__func__)
            cls.process = _judging(parse)  # type: ignore[method-assign]


def _method(parse: Callable[[list[str]], T]) -> Callable[..., T]:
    """Return a function that parses output as a method."""
    return lambda self, output: parse(output)


def asked(fact: type[FactBase[Any]]) -> str:
    """Return what a fact asks for, in the first words of its description."""
    words = " ".join((inspect.getdoc(fact) or "").split())
    said = re.match(r"Returns (.+?)(?:, in one read|, from |, see |[;:.(]|$)", words)
    return said[1].strip() if said else fact.__name__


def failure(fact: FactBase[Any], said: str) -> FactFailed:
    """Return the exception for what the host said in place of a fact."""
    shown = printable(" ".join(said.split()))
    if len(shown) > _LONGEST:
        shown = f"{shown[:_LONGEST]}…"
    remedy = getattr(fact, "remedy", Fact.remedy)
    question = asked(type(fact))
    failed = FactFailed(f"{host.name}: asked for {question}, the host said: {shown}; {remedy}")
    if state.current_deploy_filename is None:
        logger.error("%s", failed)  # `pyinfra INVENTORY fact …` passes over exceptions
    return failed


def _reporting(command: Callable[..., Any]) -> Callable[..., StringCommand]:
    """Make a fact's command print why it failed, where pyinfra would end the run by itself."""

    @functools.wraps(command)
    def reporting(self: FactBase[Any], *args: object, **kwargs: object) -> StringCommand:
        text = command(self, *args, **kwargs).get_raw_value()
        return script(_RUN, text, _FAILED)

    # pyinfra looks for the names of the arguments, and not behind a wrapper.
    reporting.__signature__ = inspect.signature(command)  # type: ignore[attr-defined]
    return reporting


def _judging(process: Callable[..., T]) -> Callable[..., T]:
    """Make whatever goes wrong with an answer one line."""

    @functools.wraps(process)
    def judging(self: FactBase[Any], output: list[str]) -> T:
        for number, line in enumerate(output):
            if line.startswith(f"{_FAILED} "):
                code = line.rpartition(" ")[2]
                said = "\n".join(output[number + 1 :]).strip()
                raise failure(self, said or f"nothing (exit code {code})")
        try:
            return process(self, output)
        except FactFailed:
            raise
        except Exception as error:
            raise failure(self, f"{error} (an answer of another form)") from error

    return judging
