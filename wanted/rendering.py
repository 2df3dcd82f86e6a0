"""Renders the templates in `templates/`."""

from __future__ import annotations

from pathlib import Path

import jinja2

TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).resolve().parent.parent / "templates"),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    # Text from DNS or another host must not become HTML in a page.
    autoescape=lambda name: name is not None and name.endswith(".html.j2"),
)


def render(template: str, **values: object) -> str:
    """Render a template below `templates/`; raises UndefinedError for a missing value."""
    return TEMPLATES.get_template(template).render(**values)
