"""What the Services fact is told to look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Watched:
    """
    A service to look at.

    + name: what the result calls it
    + unit: whether it starts at boot, this unit knows
    + holders: Debian release -> the unit that holds its processes, where that is another one
    + effects: path of a file, or of a folder of files, that it reads -> what the service needs when
      that has changed: "reload" or "restart"
    """

    name: str
    unit: str
    holders: Mapping[str, str] = field(default_factory=dict)
    effects: Mapping[str, str] = field(default_factory=dict)

    @property
    def units(self) -> tuple[str, ...]:
        """The unit, and those that hold its processes on some release."""
        return self.unit, *self.holders.values()
