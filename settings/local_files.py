"""Files on the control machine that the inventory names."""

import re
from pathlib import Path

#: More than any certificate chain; a device or a whole disk is read by mistake.
_LARGEST = 2**20


def read_file(path: str) -> str:
    """Return the text of a file on the control machine; ValueError where it can't be read."""
    try:
        file = Path(path).expanduser()
        if file.exists() and not file.is_file():
            raise OSError(0, "no file")
        if file.stat().st_size > _LARGEST:
            raise OSError(0, "larger than 1 MiB")
        return file.read_text()
    except OSError as error:
        reason = error.strerror
    except UnicodeDecodeError:
        reason = "not text"
    except (ValueError, RuntimeError):  # a NUL in it, a user's home that does not exist
        reason = "no such path"
    raise ValueError(f"{path!r} can't be read ({reason}); name a file on this machine")


def read_login(path: str) -> str:
    """Return the `user:password` of a file with that one line; ValueError where it has none."""
    login = read_file(path).removesuffix("\n")
    if not re.fullmatch(r"[^:\s]+:\S(.*\S)?", login):
        raise ValueError("is not one line user:password; write it so")
    if not login.isprintable():
        raise ValueError("holds a control character; write one line user:password")
    return login
