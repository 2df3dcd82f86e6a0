"""
Runs of pyinfra's CLI that begin in a process which has imported pyinfra and our modules, and has
compiled our templates. It forks for each run. What a run does from there on is what `pyinfra` does,
in a process of its own. Tests of a bare host, and some that kill a run, start the program itself
(`Runs.command`).

Measured on two cores: a `fact` takes 0.05 s of CPU instead of 0.93, a `deploy.py --dry` 0.12
instead of 1.3. The suite makes 329 such runs: that is some 300 s of about 1190 s of CPU, a quarter.
"""

from __future__ import annotations

import functools
import gc
import importlib
import inspect
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("facts", "services", "operations")
WIDTH = 16  # of a number in the answer: first the process, then its exit code
SERVER = "MAILHOST_CLI"  # in the environment: the socket of the process that forks


def run(
    command: Sequence[str], env: Mapping[str, str] | None = None, timeout: float = 600
) -> subprocess.CompletedProcess[str]:
    """
    Run a command line of `pyinfra` from the repository's root.

    + env: instead of this process's
    + timeout: in seconds; TimeoutExpired after it, and the run is killed
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        pid, ended = start(command, out.fileno(), err.fileno(), env)
        try:
            code = _answer(ended, command, timeout)
        except subprocess.TimeoutExpired:
            os.killpg(pid, signal.SIGKILL)
            raise
        finally:
            os.close(ended)
        return subprocess.CompletedProcess(list(command), code, _text(out), _text(err))


def start(
    command: Sequence[str], out: int, err: int, env: Mapping[str, str] | None = None
) -> tuple[int, int]:
    """
    Begin a run; return its process, which leads a group of its own, and a pipe that hears its end.

    + out, err: file descriptors for what it says
    """
    reading, writing = os.pipe()
    with tempfile.TemporaryFile() as asked:
        asked.write(json.dumps([list(command), dict(env or os.environ)]).encode())
        asked.seek(0)
        if SERVER not in os.environ:
            serve()
        files = [asked.fileno(), out, err, writing]
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ours:
            ours.connect(os.environ[SERVER])
            socket.send_fds(ours, [b"run"], files)
    os.close(writing)
    return _answer(reading, command, 60), reading


def _answer(pipe: int, command: Sequence[str], timeout: float) -> int:
    if not select.select([pipe], [], [], timeout)[0]:
        raise subprocess.TimeoutExpired(list(command), timeout)
    return int(os.read(pipe, WIDTH) or -signal.SIGKILL)  # nothing: it was killed


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


@functools.cache
def serve() -> tuple[tempfile.TemporaryDirectory[str], subprocess.Popen[bytes]]:
    """Start the process that forks, for this one and what it starts; it ends with this one."""
    folder = tempfile.TemporaryDirectory(prefix="mailhost-cli-")
    address = os.path.join(folder.name, "socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as control:
        control.bind(address)
        process = subprocess.Popen(
            [sys.executable, "-m", "acceptance.support.cli", str(control.fileno())],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            pass_fds=[control.fileno()],
        )
    os.environ[SERVER] = address
    return folder, process


def _serve(control: socket.socket) -> None:
    """Fork for each request, until standard input ends, as it does with the process at the top."""
    # As they are before pyinfra patches them for gevent, which must not begin in this process.
    fork, wait = os.fork, select.select
    gc.disable()  # runs are short
    main = importlib.import_module("pyinfra_cli.main").main
    for package in map(importlib.import_module, PACKAGES):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    templates = sys.modules["wanted.rendering"].TEMPLATES
    for template in templates.list_templates(extensions=["j2"]):
        templates.get_template(template)
    _remember()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while sys.stdin not in wait([control, sys.stdin], [], [])[0]:
        _, files, _, _ = socket.recv_fds(control, 16, 4)
        if fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            control.close()
            _run(main, *files)
        for file in files:
            os.close(file)


def _remember() -> None:
    """Have pyinfra work out once, or in short, what it does at each run, fact and operation."""
    connectors: Any = importlib.import_module("pyinfra.api.connectors")
    connectors.entry_points = functools.cache(connectors.entry_points)
    connectors.get_all_connectors()
    arguments: Any = importlib.import_module("pyinfra.api.arguments")
    arguments.all_global_arguments = functools.cache(arguments.all_global_arguments)
    arguments.all_global_arguments()
    # It wants files and line numbers of the stack, and no sources.
    stacks: Any = importlib.import_module("pyinfra.api.util")
    stacks.stack = functools.partial(inspect.stack, context=0)
    stacks.getframeinfo = functools.partial(inspect.getframeinfo, context=0)


def _run(main: object, asked: int, out: int, err: int, exit_code: int) -> None:
    """Be one run: its arguments and environment, its output, its exit code."""
    os.setsid()
    os.write(exit_code, f"{os.getpid():{WIDTH}}".encode())
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out, 1)
    os.dup2(err, 2)
    with open(asked, encoding="utf-8") as file:
        sys.argv, environment = json.load(file)
    os.environ.clear()
    os.environ.update(environment)
    code = 1
    try:
        code = main() or 0  # type: ignore[operator]
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os.write(exit_code, f"{code:{WIDTH}}".encode())
        os._exit(code)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
