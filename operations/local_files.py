"""Files on the control machine that the inventory names."""

from __future__ import annotations

import re
from pathlib import Path


def read_file(path: str) -> str:
    """Return the text of a file on the control machine; ValueError where it can't be read."""
    try:
        return Path(path).expanduser().read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        raise ValueError(f"{path} can't be read ({reason}); name a file on this machine") from None


def read_login(path: str) -> str:
    """Return the `user:password` of a file with that one line; ValueError where it has none."""
    lines = read_file(path).split("\n")
    if lines[1:] not in ([], [""]) or not re.fullmatch(r"[^:\s]+:.+", lines[0]):
        raise ValueError("is not one line user:password; write it so")
    return lines[0]
