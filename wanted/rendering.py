"""The services' native files, from `templates/`."""

from __future__ import annotations

from pathlib import Path

import jinja2

TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).resolve().parent.parent / "templates"),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    autoescape=False,  # plain-text configuration, not HTML
)


def render(template: str, **values: object) -> str:
    """Render a template of `templates/`; a value that is missing raises UndefinedError."""
    return TEMPLATES.get_template(template).render(**values)
