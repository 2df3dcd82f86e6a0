"""Write docs/settings.md from the models in settings.py (`make docs`)."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from settings.models import Ban, Limits, Settings, User, Warmup
from settings.tls import Tls

PAGE = Path(__file__).with_name("settings.md")

INTRODUCTION = """# Settings

Every key that an inventory may hold for a host, made from `settings.py` by `make docs`. Host data,
group data and `--data` can each set one; an unknown key that begins with `mail_` is an error.
"""


def page() -> str:
    """Return the whole page as Markdown."""
    return "\n".join(
        [
            INTRODUCTION,
            *_section("Keys", Settings),
            *_section("Settings of a user in `mail_users`", User),
            *_section("Settings in `mail_tls`", Tls),
            *_section("Settings in `mail_limits`", Limits),
            *_section("Settings in `mail_warmup`", Warmup),
            *_section("Settings in `mail_ban`", Ban),
        ]
    )


def _section(title: str, model: type[BaseModel]) -> list[str]:
    lines = [f"## {title}", ""]
    schema = model.model_json_schema()
    for name, field in model.model_fields.items():
        default = "required" if field.is_required() else f"default `{_plain(field.default)}`"
        lines += [f"### `{name}`", "", f"{_type(schema['properties'][name])}, {default}", ""]
        lines += [field.description or "", ""]
        if field.examples:
            lines += [f"Example: `{field.examples[0]!r}`", ""]
    return lines


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
    if "$ref" in schema:
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
    """Write the page; with --check, exit 1 where it is stale."""
    if "--check" in sys.argv[1:]:
        sys.exit(0 if PAGE.read_text() == page() else f"{PAGE.name} is stale: run 'make docs'")
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
