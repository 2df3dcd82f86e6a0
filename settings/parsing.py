"""An inventory's data as settings, and what is wrong with it as lines for a person."""

import difflib
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from settings.base import merged_fields, models_in
from settings.models import Settings, User
from settings.tls import Acme, Files, HostFiles
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
    strange = [(key, _unknown(key, Settings.model_fields)) for key in ours if key not in given]
    found: list[tuple[str, str]] = []
    try:
        settings = Settings.model_validate(given)
    except ValidationError as error:
        settings = _repaired(given, error.errors())
        found = list(dict.fromkeys(_wording(details) for details in error.errors()))
    said = {path for path, _ in found}
    if isinstance(settings.mail_tls, Acme):
        more = settings.mail_tls.contradictions()
        found += [(path, line) for path, line in more.items() if path not in said]
    return settings, [f"{path}: {line}" for path, line in found + strange]


def _place(error: ErrorDetails) -> list[str]:
    """Return the path of keys that leads to the value at fault."""
    return [str(part) for part in error["loc"] if part != "[key]"]


def _wording(error: ErrorDetails) -> tuple[str, str]:
    """Return the path of the key at fault, and "what is wrong; what would be right"."""
    keys, kind = _place(error), error["type"]
    path, fields = ".".join(keys), _fields(keys)
    if kind == "extra_forbidden":
        if keys[-1] not in fields:
            return path, _unknown(keys[-1], fields)
        # It belongs to another mode of mail_tls.
        if keys[-1] in Files.model_fields:
            return keys[0], "cert and key are for files; add 'mode': 'files'"
        return path, "is for an authority; add 'mode': 'acme', or leave it out"
    if kind == "missing" and keys[0] == "mail_tls":
        return path, f"is missing; '{error['input']['mode']}' needs both cert and key"
    if kind == "missing":
        return path, f"is missing; write one like {_example(keys)}"
    if kind == "value_error":
        return path, str(error["ctx"]["error"])
    message = re.sub("dictionary or instance of .*", "dict", error["msg"])
    return path, f"{message.removeprefix('Input ')}; write it like {_example(keys)}"


def _unknown(name: str, known: Collection[str]) -> str:
    """Return what is said of an unknown key: the nearest known one."""
    near = difflib.get_close_matches(name, known, 1, cutoff=0)
    return f"there is no such key; did you mean {near[0]}?"


def _fields(keys: list[str]) -> dict[str, FieldInfo]:
    """Return the fields of the model that the last key is in."""
    models = models_in(Settings.model_fields[keys[0]].annotation)
    return merged_fields(models if len(keys) > 1 and models else [Settings])


def _example(keys: list[str]) -> str:
    field = _fields(keys).get(keys[-1], Settings.model_fields[keys[0]])
    example = (field.examples or ["?"])[0]
    if len(keys) > 1 and isinstance(example, dict):
        example = next(iter(example.values()))
    return repr(example)


#: What stands for a key that is wrong: its default, unless that would be wrong as well.
_HARMLESS: dict[str, object] = {
    **{key: field.default for key, field in Settings.model_fields.items()},
    "mail_hostname": UNKNOWN,
    "mail_domains": [UNKNOWN],
    "mail_relayhost": f"{UNKNOWN}:25",
    "mail_tls": HostFiles(mode="host-files", cert="/unknown", key="/unknown"),
}
#: What stands for one wrong user or alias.
_HARMLESS_PARTS: dict[str, object] = {
    # pydantic takes an instance as it is.
    "mail_users": User.model_construct(password_hash="not checked"),
    "mail_aliases": ["postmaster"],
}


def _repaired(given: Mapping[str, Any], errors: Iterable[ErrorDetails]) -> Settings:
    """Return the settings without what is wrong in each value, else without the whole value."""
    values = dict(given)
    for error in errors:
        key, *rest = keys = _place(error)
        # Without its mode, mail_tls would be of the default one.
        if rest and isinstance(values.get(key), dict) and keys != ["mail_tls", "mode"]:
            kept = {name: part for name, part in values[key].items() if str(name) != rest[0]}
            if key in _HARMLESS_PARTS and "[key]" not in error["loc"]:
                kept[rest[0]] = _HARMLESS_PARTS[key]
            values[key] = kept
        else:
            values[key] = _HARMLESS[key]
    try:
        return Settings.model_validate(values)
    except ValidationError as left:  # the rest of a value needs the part that is gone
        wrong = {_place(error)[0] for error in left.errors()}
        return Settings.model_validate(values | {key: _HARMLESS[key] for key in wrong})
