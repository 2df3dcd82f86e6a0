"""How facts and operations pass a script to the host's shell, and parse what it prints."""

from __future__ import annotations

from pyinfra.api import QuoteString, StringCommand
from pyinfra.api.exceptions import FactProcessError


def script(text: str, *arguments: str, stdin: str | None = None) -> StringCommand:
    """
    Return the command that runs a constant shell script.

    + text: the script, a constant: values reach it as "$1", "$2", …
    + arguments: the values, each quoted
    + stdin: what the script reads; secrets go only this way, since ps(1) shows arguments
    """
    words = ("sh", "-c", QuoteString(text), "mailhost", *(QuoteString(word) for word in arguments))
    if stdin is None:
        return StringCommand(*words)
    return StringCommand(*words, _stdin=stdin)


def key_values(output: list[str]) -> dict[str, list[str]]:
    """Parse "key=value" lines and empty lines; return key -> its values, in order."""
    values: dict[str, list[str]] = {}
    for line in filter(None, output):
        key, equals, value = line.partition("=")
        if not equals:
            raise FactProcessError(f"expected key=value: {line!r}")
        values.setdefault(key, []).append(value)
    return values
