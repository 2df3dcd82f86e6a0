"""settings/local_files.py: files that an inventory names are read, or said to be unreadable."""

from __future__ import annotations

from pathlib import Path

import pytest

from settings.local_files import read_login
from tests.inventory import problems


def test_credentials_are_one_line(tmp_path: Path) -> None:
    file = tmp_path / "login"
    file.write_text("user:pass:word\n")
    assert read_login(str(file)) == "user:pass:word"
    file.write_text("secret\n")
    (line,) = problems(mail_relayhost="smtp.example.net:587", mail_relayhost_credentials=str(file))
    assert line == "mail_relayhost_credentials: is not one line user:password; write it so"


@pytest.mark.parametrize("path", ["/dev/zero", "x\0y", "~no-such-user/x", "."])
def test_what_is_no_file_is_said_and_not_read(path: str) -> None:
    with pytest.raises(ValueError, match="can't be read"):
        read_login(path)
