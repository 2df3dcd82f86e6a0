"""What a fact with several fields returns: a dataclass that `pyinfra fact … --json` can print."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class FactData:
    """Base of the dataclasses that facts return."""

    def to_json(self) -> dict[str, Any]:
        """Return the fields as a dict; pyinfra's CLI asks for it."""
        return {
            name: sorted(value) if isinstance(value, frozenset) else value
            for name, value in vars(self).items()
        }
