"""pydantic's errors as lines for a person: where, what is wrong, and what would be right."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection

from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from settings import tls
from settings.base import CONTRADICTION, merged_fields, models_in
from settings.models import Settings


def place(error: ErrorDetails) -> list[str]:
    """Return the path of keys that leads to the value at fault."""
    key, *rest = (str(part) for part in error["loc"] if part != "[key]")
    of_union = len(models_in(Settings.model_fields[key].annotation)) > 1
    return [key, *(rest[1:] if of_union else rest)]  # pydantic names the union's member as well


def wording(error: ErrorDetails) -> tuple[str, str]:
    """Return the path of the key at fault, and "what is wrong; what would be right"."""
    keys, kind = place(error), error["type"]
    path, context = ".".join(keys), error.get("ctx", {})
    of_tls = keys[0] == "mail_tls" and len(keys) > 1
    if of_tls and (misfit := tls.misfit(kind, str(error["loc"][1]), keys[-1])):
        return misfit
    if kind == "extra_forbidden":
        return path, unknown(keys[-1], _fields(keys))
    if kind == "missing":
        return path, f"is missing; write one like {_example(keys)}"
    if kind == "value_error":
        return path, str(context["error"])
    if kind == CONTRADICTION:
        return path, error["msg"]
    if kind == "union_tag_invalid":
        *others, last = context["expected_tags"].split(", ")
        message, keys = f"should be {', '.join(others)} or {last}", [*keys, "mode"]
    else:
        message = re.sub("dictionary or (instance of|object to) .*", "dict", error["msg"])
    return ".".join(keys), f"{message.removeprefix('Input ')}; write it like {_example(keys)}"


def unknown(name: str, known: Collection[str]) -> str:
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
