"""Command lines of pyinfra, as a user types them in the root of the repository."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path


def pyinfra(inventory: Path, *arguments: str) -> list[str]:
    """Return the command line of `pyinfra INVENTORY …`, by the program of this Python."""
    program = Path(sys.executable).with_name("pyinfra")
    return [os.fspath(program), os.fspath(inventory), *arguments]


def data_arguments(data: Mapping[str, object]) -> list[str]:
    """Return inventory keys as arguments of pyinfra's `--data`."""
    return [
        word for key, value in data.items() for word in ("--data", f"{key}={json.dumps(value)}")
    ]
