"""tasks/password.py: hashes that our own settings accept."""

from __future__ import annotations

import subprocess
import sys

import pytest

from preflight import settings_and_problems
from tasks.password import ALPHABET
from tests.inventory import data


@pytest.mark.parametrize(("arguments", "scheme"), [([], "$6$"), (["--choose"], "$y$")])
def test_the_printed_hash_is_accepted_and_verifies(arguments: list[str], scheme: str) -> None:
    output = subprocess.run(
        [sys.executable, "-m", "tasks.password", *arguments],
        input="chösen\n",
        text=True,
        capture_output=True,
        check=True,
    ).stdout
    digest = output.split("'password_hash': '")[1].split("'")[0]
    assert digest.startswith(scheme)
    assert settings_and_problems(data(mail_users={"alice": {"password_hash": digest}}))[1] == [
        "mail_aliases.sales: bob@example.org is no user and no alias; add it, or correct the target"
    ]
    if scheme == "$6$":
        password = output.splitlines()[0].split()[-1]
        assert len(password) == 24
        assert set(password) <= set(ALPHABET)
        salt = digest.split("$")[2]
        again = subprocess.run(
            ["openssl", "passwd", "-6", "-salt", salt, "-stdin"],
            input=password,
            text=True,
            capture_output=True,
            check=True,
        )
        assert again.stdout.strip() == digest
    else:
        assert "chösen" not in output
