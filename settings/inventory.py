"""An inventory's data as settings, and its errors as lines for a person."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from settings.models import Ban, Limits, Settings, User, Warmup
from settings.tls import Tls
from settings.values import UNKNOWN


def parse(data: Mapping[str, object]) -> tuple[Settings, list[str]]:
    """
    Return a host's settings, and one line for each value that is wrong by itself.

    + data: all inventory data of the host; keys without the prefix `mail_` are not ours

    What is wrong is replaced by something harmless, so that the checks between keys
    (preflight.py) still find what else is wrong, and nothing that is not.
    """
    ours = {key: value for key, value in data.items() if key.startswith("mail_")}
    given = {key: value for key, value in ours.items() if key in Settings.model_fields}
    unknown = [_unknown(key, key, Settings.model_fields) for key in ours if key not in given]
    try:
        return Settings.model_validate(given), unknown
    except ValidationError as error:
        problems = [_wording(details) for details in error.errors()]
        return _without_errors(given, error), problems + unknown


def _unknown(path: str, name: str, fields: Mapping[str, FieldInfo]) -> str:
    near = difflib.get_close_matches(name, fields, 1, cutoff=0)
    return f"{path}: there is no such key; did you mean {near[0]}?"


def _wording(error: Any) -> str:
    """Return pydantic's error as "key: what is wrong; what would be right"."""
    path = ".".join(str(part) for part in error["loc"] if part != "[key]")
    name = str(error["loc"][-1])
    if error["type"] == "extra_forbidden":
        return _unknown(path, name, _fields(error["loc"]))
    example = _example(error["loc"])
    if error["type"] == "missing":
        return f"{path}: is missing; write one like {example}"
    if error["type"] == "value_error":
        return f"{path}: {error['ctx']['error']}"
    message = error["msg"].removeprefix("Input ").replace("dictionary or instance of User", "dict")
    return f"{path}: {message}; write it like {example}"


#: Keys whose value is one model.
_NESTED: dict[str, type[BaseModel]] = {
    "mail_ban": Ban,
    "mail_tls": Tls,
    "mail_limits": Limits,
    "mail_warmup": Warmup,
}


def _fields(loc: tuple[int | str, ...]) -> dict[str, FieldInfo]:
    """The fields of the model that an error's place is in."""
    if len(loc) > 1 and loc[0] == "mail_users":
        return User.model_fields
    if len(loc) > 1 and loc[0] in _NESTED:
        return _NESTED[str(loc[0])].model_fields
    return Settings.model_fields


def _example(loc: tuple[int | str, ...]) -> str:
    field = _fields(loc).get(str(loc[-1]), Settings.model_fields[str(loc[0])])
    example = (field.examples or ["?"])[0]
    if len(loc) > 1 and isinstance(example, dict):
        example = next(iter(example.values()))
    return repr(example)


_PLACEHOLDERS: dict[str, object] = {
    "mail_hostname": UNKNOWN,
    "mail_domains": [UNKNOWN],
    "mail_relayhost": f"{UNKNOWN}:25",
}


# pydantic takes an instance as it is.
_UNCHECKED_USER = User.model_construct(password_hash="not checked")


def _without_errors(given: Mapping[str, Any], error: ValidationError) -> Settings:
    values = dict(given)
    for details in error.errors():
        key, *rest = (str(part) for part in details["loc"])
        if key not in values:
            values |= {key: _PLACEHOLDERS[key]} if key in _PLACEHOLDERS else {}
        elif rest and key in ("mail_users", "mail_aliases", *_NESTED):
            kept = {name: value for name, value in values[key].items() if str(name) != rest[0]}
            if key not in _NESTED and "[key]" not in rest:
                kept[rest[0]] = _UNCHECKED_USER if key == "mail_users" else ["postmaster"]
            values[key] = kept
        elif key in _PLACEHOLDERS:
            values[key] = _PLACEHOLDERS[key]
        else:
            del values[key]
    try:
        return Settings.model_validate(values)
    except ValidationError as left:  # a part that is missing, or whose name is no text
        wrong = {str(details["loc"][0]) for details in left.errors()}
        return Settings.model_validate(
            {key: value for key, value in values.items() if key not in wrong}
        )
