"""facts/fact.py: whatever goes wrong with a fact is one line."""

from __future__ import annotations

import subprocess
from inspect import getcallargs
from types import SimpleNamespace

import pytest
from pyinfra.api import QuoteString, StringCommand
from pyinfra.context import ctx_host, ctx_state

from facts.fact import Fact, FactFailed, asked
from facts.live import Live
from facts.machine import Machine
from facts.services import Services
from tests.fake import FakeHost

NO_NUMBER = "invalid literal for int() with base 10:"
OTHER = "(an answer of another form)"


class Toy(Fact[int]):
    """
    Returns how many toys there are, from toys(1):

    + text: a shell command
    """

    default = int
    remedy = "buy one"

    def command(self, text: str = "echo 3") -> StringCommand:
        return StringCommand("sh -c", QuoteString(text))

    def process(self, output: list[str]) -> int:
        return int(output[0])


def read(text: str) -> int:
    """Read the toy as pyinfra does, with names of arguments that it looks for by itself."""
    toy = Toy()
    arguments = getcallargs(toy.command, text=text)
    arguments.pop("self")
    command = toy.command(**arguments).get_raw_value()
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    deploy = SimpleNamespace(current_deploy_filename="deploy.py")
    with ctx_host.use(FakeHost({})), ctx_state.use(deploy):
        return toy.process(done.stdout.splitlines())


def test_an_answer_is_processed_whatever_stands_beside_it() -> None:
    assert read("echo 7; echo noise >&2") == 7
    assert read("printf 7") == 7


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("echo 7; echo 'no' >&2; echo 'toys' >&2; exit 75", "no toys"),
        ("printf 7; exit 9", "nothing (exit code 9)"),
        (r"printf '\033[31mred\302\233' >&2; exit 1", "?[31mred?"),
        (
            "echo seven",
            f"{NO_NUMBER} 'seven' {OTHER}",
        ),
        ("echo", f"{NO_NUMBER} '' {OTHER}"),
    ],
)
def test_a_failure_is_one_line(text: str, said: str) -> None:
    with pytest.raises(FactFailed) as failed:
        read(text)
    question = "fake: asked for how many toys there are, the host said:"
    assert str(failed.value) == f"{question} {said}; buy one"


def test_a_long_answer_is_cut() -> None:
    with pytest.raises(FactFailed) as failed:
        read("seq 100000 >&2; exit 1")
    assert len(str(failed.value)) < 400


def test_what_is_asked_for_is_said_in_the_words_of_the_description() -> None:
    assert asked(Services).startswith("the state of the mail host's services, and what each")
    assert asked(Machine) == "what a mail host depends on in its machine"
    assert asked(Live)
