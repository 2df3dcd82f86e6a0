"""operations/scripts.py and remote/: what is sent to a host is there, whole, and valid shell."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from operations import activation, machine, scripts, signing_keys
from operations.scripts import shell
from services import dovecot, fail2ban, limits, opendkim, opendmarc, postfix, renewal, web

ROOT = Path(__file__).resolve().parent.parent
SENT = sorted(
    str(path.relative_to(ROOT / "remote"))
    for path in (ROOT / "remote").glob("*/*.sh")
    if path.parent.name != "renewal"  # files on the host, see services/renewal.py
)
INCLUDED = ("lock.sh", "printable.sh", "put_back.sh")
PROGRAMS = [name for name in SENT if not name.endswith(INCLUDED)]
TRANSACTION = ["transaction/activate", "transaction/remove", "transaction/replace"]
FIREWALL = ["firewall/confirm", "firewall/remove", "firewall/try"]
IN_PYTHON = {
    "checks": "\n".join(
        service._CHECK
        for service in (dovecot, fail2ban, limits, opendkim, opendmarc, postfix, renewal, web)
    ),
    "machine": machine._NAME + machine._VMAIL + machine._TIMERS + machine._SWAP,
    "signing_keys": signing_keys._NEW_KEYS,
}


@pytest.mark.parametrize("interpreter", ["dash", "bash"])
@pytest.mark.parametrize("text", [*map(shell, SENT), *IN_PYTHON.values()], ids=[*SENT, *IN_PYTHON])
def test_the_scripts_are_valid_shell(text: str, interpreter: str) -> None:
    checked = subprocess.run(
        [interpreter, "-n"], input=text, text=True, capture_output=True, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize("name", SENT)
def test_a_script_needs_no_other_file(name: str) -> None:
    text = shell(name)
    assert text.isascii()
    assert not re.search(r"^\s*(\.|source) ", text, re.M)


def test_what_a_script_includes_stands_in_its_place_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in {
        "a/program.sh": "one\n. ./first.sh\n. ../b/second.sh\nfour\n  . ./not.sh\n",
        "a/first.sh": "two\n",
        "b/second.sh": ". ../a/first.sh\nthree\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(scripts, "REMOTE", tmp_path)
    assert shell("a/program.sh") == "one\ntwo\nthree\nfour\n  . ./not.sh\n"


@pytest.mark.parametrize(
    ("lock", "names"),
    [
        ("9>/run/mailhost/lock", ["packages/install", *TRANSACTION]),
        ("8>/run/mailhost/firewall.lock", FIREWALL),
    ],
)
def test_a_lock_is_taken_before_anything_is_done(lock: str, names: list[str]) -> None:
    for name in names:
        lines = [line for line in shell(f"{name}.sh").splitlines() if line and line[0] != "#"]
        done = [line for line in lines if not line.startswith(("set ", "umask "))]
        private = [line for line in shell("transaction/private.sh").splitlines() if line[0] != "#"]
        assert done[: len(private) + 1] == [*private, f"exec {lock}"], name


def test_every_script_is_sent_and_is_there() -> None:
    sources = [path for room in ("operations", "tasks") for path in (ROOT / room).rglob("*.py")]
    named = {
        name
        for path in sources
        for name in re.findall(r'"([a-z_]+/[a-z_]+\.sh)"', path.read_text())
    }
    assert sorted(named) == PROGRAMS


def test_a_script_that_is_not_there_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        shell("transaction/nothing.sh")


def test_systemd_hands_the_firewalls_way_back_to_the_shell_as_it_is() -> None:
    from operations.firewall import _TAKE_BACK

    assert _TAKE_BACK.replace("$$", "$") == shell("firewall/take_back.sh")
    assert not re.search(r"(?<!\$)(\$\$)*\$(?!\$)", _TAKE_BACK)


def test_the_program_that_asks_the_services_is_sent_whole() -> None:
    sent = {file.path: file.content or "" for file in activation._program()}
    assert sent == {
        f"probe/{path.name}": path.read_text() for path in (ROOT / "remote/probe").glob("*.py")
    }
    assert "__main__" in sent["probe/__main__.py"]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("plain\tand é, ü, 中\n", "plain\tand é, ü, 中\n"),
        ("\033[31mred\007\x7f\n", "?[31mred??\n"),
        ("C1: \x9b31m\x80\n", "C1: ?31m?\n"),
    ],
)
def test_what_others_wrote_into_a_journal_controls_no_terminal(said: str, shown: str) -> None:
    text = f"{shell('transaction/printable.sh')}\nprintable"
    done = subprocess.run(
        ["sh", "-c", text], input=said, text=True, capture_output=True, check=True
    )
    assert done.stdout == shown
