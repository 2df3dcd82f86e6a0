"""An inventory's data as settings, and what is wrong with it as lines for a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from settings.base import CONTRADICTION
from settings.models import Settings
from settings.tls import Acme, HostFiles
from settings.users import User
from settings.values import UNKNOWN
from settings.wording import place, unknown, wording


def parse(data: Mapping[str, object]) -> tuple[Settings, list[str]]:
    """
    Return a host's settings, and one line for each value that is wrong by itself.

    + data: all inventory data of the host; keys without the prefix `mail_` are not ours

    What is wrong is replaced by something harmless, so that the checks between keys
    (preflight.py) still find what else is wrong, and nothing that is not.
    """
    ours = {key: value for key, value in data.items() if key.startswith("mail_")}
    given = {key: value for key, value in ours.items() if key in Settings.model_fields}
    strange = [(key, unknown(key, Settings.model_fields)) for key in ours if key not in given]
    found: list[tuple[str, str]] = []
    # Twice, as values contradict each other only where each is right by itself.
    repairs = iter((_without_parts, _without_parts, _without_keys))
    while True:
        try:
            settings = Settings.model_validate(given)
        except ValidationError as error:
            said = {path for path, _ in found}
            lines = dict.fromkeys(wording(details) for details in error.errors())
            found += [(path, line) for path, line in lines if path not in said]
            given = next(repairs)(given, error.errors())
        else:
            return settings, [f"{path}: {line}" for path, line in found + strange]


# pydantic takes an instance as it is.
_UNCHECKED: dict[str, object] = {
    "mail_users": User.model_construct(password_hash="not checked"),
    "mail_aliases": ["postmaster"],
}

#: What stands for a key that is wrong and whose default would be wrong as well.
_PLACEHOLDERS: dict[str, object] = {
    "mail_hostname": UNKNOWN,
    "mail_domains": [UNKNOWN],
    "mail_relayhost": f"{UNKNOWN}:25",
    "mail_tls": HostFiles(mode="host-files", cert="/unknown", key="/unknown"),
}


def _without_parts(given: Mapping[str, Any], errors: Iterable[ErrorDetails]) -> dict[str, Any]:
    """Return the values without what is wrong within them, and with the rest of each."""
    values = dict(given)
    for error in errors:
        key, *rest = place(error)
        if error["type"] == CONTRADICTION:
            values[key] = Acme.model_construct(**dict(values[key]))
        elif rest and isinstance(values.get(key), dict):
            kept = {name: value for name, value in values[key].items() if str(name) != rest[0]}
            if key in _UNCHECKED and "[key]" not in error["loc"]:
                kept[rest[0]] = _UNCHECKED[key]
            values[key] = kept
        else:
            values = _without_keys(values, [error])
    return values


def _without_keys(given: Mapping[str, Any], errors: Iterable[ErrorDetails]) -> dict[str, Any]:
    """Return the values without those that anything is wrong with."""
    wrong = {place(error)[0] for error in errors}
    kept = {key: value for key, value in given.items() if key not in wrong}
    return kept | {key: value for key, value in _PLACEHOLDERS.items() if key in wrong}
