"""What the Services fact looks at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Watched:
    """
    A service to look at.

    + name: its key in the result
    + unit: the unit that is enabled at boot
    + holders: Debian release -> the unit that holds its processes, if that is another one
    + effects: path of a file or folder that it reads -> what the service needs after a change
      there: "reload" or "restart"
    """

    name: str
    unit: str
    holders: Mapping[str, str] = field(default_factory=dict)
    effects: Mapping[str, str] = field(default_factory=dict)

    @property
    def units(self) -> tuple[str, ...]:
        """The unit, and the units that hold its processes on some release."""
        return self.unit, *self.holders.values()
