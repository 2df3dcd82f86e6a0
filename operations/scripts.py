"""The shell scripts of `remote/`, as operations send them to the host."""

import re
from pathlib import Path

from services.units import REMOTE

#: A line that includes another script, by its path from the one that has the line.
_INCLUDE = re.compile(r"^\. (\.\.?/\S+)\n", re.M)


def shell(name: str) -> str:
    """
    Return a script that needs no other file: each one that it includes is there in full, once.

    + name: its path below `remote/`; OSError where there is none
    """
    included: set[Path] = set()

    def text(path: Path) -> str:
        if path in included:
            return ""
        included.add(path)
        return _INCLUDE.sub(lambda line: text((path.parent / line[1]).resolve()), path.read_text())

    return text(REMOTE / name)
