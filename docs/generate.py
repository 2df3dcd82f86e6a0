"""Write docs/settings.md from the models in settings/, and docs/memory.md's table (`make docs`)."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from docs import memory
from settings.base import Model, merged_fields, models_in
from settings.models import Settings

PAGE = Path(__file__).with_name("settings.md")

INTRODUCTION = """# Settings

Every key that an inventory may hold for a host, made from `settings/` by `make docs`. Host data,
group data and `--data` can each set one; an unknown key that begins with `mail_` is an error.
"""


def page() -> str:
    """Return the whole page as Markdown."""
    lines = [INTRODUCTION, *_section("Keys", [Settings])]
    for key, field in Settings.model_fields.items():
        if models := models_in(field.annotation):
            of_each = get_origin(field.annotation) is dict
            owner = f"of a {models[0].__name__.lower()} in" if of_each else "in"
            lines += _section(f"Settings {owner} `{key}`", models)
    return "\n".join(lines)


def _section(title: str, models: list[type[Model]]) -> list[str]:
    """Return the keys of a model, or of all members of a union."""
    lines = [f"## {title}", ""]
    properties = [model.model_json_schema()["properties"] for model in models]
    for name, field in merged_fields(models).items():
        schemas = [each[name] for each in properties if name in each]
        schema, default = _merged(schemas), field.default
        if field.is_required() and len(schemas) < len(models):
            schema, default = {"anyOf": [schema, {"type": "null"}]}, None
        said = "required" if default is PydanticUndefined else f"default `{_plain(default)}`"
        lines += [f"### `{name}`", "", f"{_type(schema)}, {said}", ""]
        lines += [" ".join((field.description or "").split()), ""]
        if field.examples:
            lines += [f"Example: `{field.examples[0]!r}`", ""]
    return lines


def _merged(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    """Return one schema for a key of several models: every value that tells them apart."""
    choices = [schema["const"] for schema in schemas if "const" in schema]
    return {"enum": choices} if len(choices) > 1 else schemas[0]


def _plain(value: Any) -> str:
    return (
        repr(value.model_dump(exclude_defaults=True))
        if isinstance(value, BaseModel)
        else repr(value)
    )


def _type(schema: dict[str, Any]) -> str:
    """Say a JSON schema's type as a person would."""
    if "anyOf" in schema:
        return " or ".join(_type(option) for option in schema["anyOf"])
    if "enum" in schema:
        return "one of " + ", ".join(f"`{value!r}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']!r}`"
    if "$ref" in schema or "oneOf" in schema:
        return "dict"
    words = {
        "string": "text",
        "integer": "whole number",
        "boolean": "True or False",
        "array": "list",
        "object": "dict",
        "null": "None",
    }
    word = schema.get("format") or words[schema["type"]]
    if schema["type"] == "array":
        word += f" of {_type(schema['items'])}"
    if schema["type"] == "object":
        word += f" of name → {_type(schema['additionalProperties'])}"
    bounds = [f"{text} {schema[key]}" for key, text in _BOUNDS.items() if key in schema]
    return re.sub(r"^ipv", "IPv", word) + (f" ({', '.join(bounds)})" if bounds else "")


_BOUNDS = {"minimum": "at least", "maximum": "at most", "exclusiveMaximum": "below"}


def main() -> None:
    """Write the pages; with --check, exit 1 where one is stale."""
    for path, text in ((PAGE, page()), (memory.PAGE, memory.page())):
        if "--check" not in sys.argv[1:]:
            path.write_text(text)
        elif path.read_text() != text:
            sys.exit(f"{path.name} is stale: run 'make docs'")


if __name__ == "__main__":
    main()
