"""What a fact with several fields returns: a dataclass that `pyinfra fact … --json` can print."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class FactData:
    """Base of the dataclasses that facts return."""

    def to_json(self) -> dict[str, Any]:
        """Return the fields as a dict; pyinfra's CLI asks for it."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: sorted(value) if isinstance(value, frozenset) else value
            for name, value in values.items()
        }
