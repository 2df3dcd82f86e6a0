"""How facts and operations hand a script to the host's shell."""

from __future__ import annotations

from pyinfra.api import QuoteString, StringCommand
from pyinfra.api.exceptions import FactProcessError


def script(text: str, *arguments: str, stdin: str | None = None) -> StringCommand:
    """
    Return the command that runs a constant shell script.

    + text: the script, a constant: values reach it as "$1", "$2", …
    + arguments: the values, each quoted
    + stdin: what it reads; the only way for a secret, since arguments are visible in ps(1)
    """
    words = ("sh", "-c", QuoteString(text), "mailhost", *(QuoteString(word) for word in arguments))
    if stdin is None:
        return StringCommand(*words)
    return StringCommand(*words, _stdin=stdin)


def key_values(output: list[str]) -> dict[str, list[str]]:
    """Parse lines of "key=value", and empty ones; a key may come more than once."""
    values: dict[str, list[str]] = {}
    for line in filter(None, output):
        key, equals, value = line.partition("=")
        if not equals:
            raise FactProcessError(f"expected key=value: {line!r}")
        values.setdefault(key, []).append(value)
    return values
