"""The services' native files and the pages for browsers, from `templates/`."""

from __future__ import annotations

from pathlib import Path

import jinja2

TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).resolve().parent.parent / "templates"),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    # In a page, what comes from DNS or another host must not become HTML.
    autoescape=lambda name: name is not None and name.endswith(".html.j2"),
)


def render(template: str, **values: object) -> str:
    """Render a template of `templates/`; a value that is missing raises UndefinedError."""
    return TEMPLATES.get_template(template).render(**values)
