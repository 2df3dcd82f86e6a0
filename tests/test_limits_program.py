"""remote/limits: the program as it is deployed, started and asked."""

from __future__ import annotations

import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from limits.policy import TRY_AGAIN, attributes

import services.limits
from layout import LIBRARY
from tests.counting import ALICE
from tests.inventory import settings
from tests.plan import texts, wanted

PLAN, PROGRAM = services.limits.PLAN.lstrip("/"), services.limits.PROGRAM.lstrip("/")


def test_the_attributes_of_a_request() -> None:
    request = b"request=smtpd_access_policy\nsasl_username=a=b\nsender=\n\n"
    expected = {"request": "smtpd_access_policy", "sasl_username": "a=b", "sender": ""}
    assert attributes(request) == expected


@pytest.fixture
def deployed(tmp_path: Path) -> Path:
    """The files of the service below a folder, as they would be on a host."""
    for file in wanted(settings(mail_limits={"messages_hour": 1}))[services.limits.NAME].files:
        if file.content is not None:
            path = tmp_path / file.path.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.content)
    return tmp_path


def started(
    root: Path, *arguments: str, listening: socket.socket | None = None, **environment: str
) -> subprocess.Popen[str]:
    """Start the program as its unit does; systemd passes the socket as descriptor 3."""
    command = [sys.executable, *services.limits.PYTHON.split()[1:], *arguments, str(root / PLAN)]
    return subprocess.Popen(
        ["sh", "-c", 'exec "$@" 3<&0', "sh", *command],
        cwd=root / LIBRARY.lstrip("/"),
        env=environment,
        stdin=listening.fileno() if listening else subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_unit_runs_what_is_deployed(deployed: Path) -> None:
    unit = (deployed / "etc/systemd/system/mailhost-limits.service").read_text()
    assert f"\nWorkingDirectory={LIBRARY}\nExecStart=/usr/bin/{services.limits.PYTHON} " in unit
    sent = {path.name for path in (deployed / PROGRAM).iterdir()}
    assert sent == {path.name for path in Path("remote/limits").glob("*.py")}
    assert "__main__.py" in sent


def test_the_single_file_of_earlier_versions_is_removed() -> None:
    found = texts(settings(mail_limits={"messages_hour": 1}))
    assert found["/usr/local/lib/mailhost/limits.py"] is None


def test_the_deployed_program_answers_postfix_and_ends_by_sigterm(deployed: Path) -> None:
    database = deployed / "counts.sqlite"
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as postfix:
        listening.bind(str(deployed / "socket"))
        listening.listen()
        postfix.settimeout(30)
        postfix.connect(str(deployed / "socket"))
        process = started(deployed, str(database), listening=listening)

        def ask(instance: int, state: str) -> str:
            request = f"instance={instance}\nprotocol_state={state}\nsasl_username={ALICE}\n"
            postfix.sendall(f"{request}recipient=bob@x.net\nrecipient_count=1\n\n".encode())
            return postfix.recv(1000).decode()

        assert [ask(1, "RCPT"), ask(1, "DATA")] == ["action=DUNNO\n\n"] * 2
        assert ask(2, "DATA") == f"action={TRY_AGAIN}\n\n", "its recipients were named before"
        process.terminate()
        assert (process.communicate(timeout=30)[1], process.returncode) == ("", 0)
    sent = sqlite3.connect(database).execute("SELECT login, messages, new FROM sent").fetchall()
    assert sent == [(ALICE, 1, 1)]


def test_the_program_imports_nothing_of_the_environment(deployed: Path) -> None:
    evil = deployed / "evil"
    evil.mkdir()
    for name in ("json", "socket", "limits", "sitecustomize"):
        (evil / f"{name}.py").write_text("raise SystemExit('taken over')")
    process = started(
        deployed, "--check", PYTHONPATH=str(evil), PYTHONSTARTUP=str(evil / "json.py")
    )
    assert (process.communicate(timeout=30)[1], process.returncode) == ("", 0)
    assert not list(deployed.rglob("__pycache__"))


def test_a_plan_that_cannot_be_read_is_refused(deployed: Path) -> None:
    (deployed / PLAN).write_text("{}")
    process = started(deployed, "--check")
    assert "TypeError" in process.communicate(timeout=30)[1]
    assert process.returncode == 1
