"""Runs of pyinfra's CLI against a target: deploys, facts, the DNS task."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acceptance.support import cli
from testbed.command_line import data_arguments, pyinfra
from testbed.inventory import ROOT
from testbed.progress import only_one
from testbed.targets import Target

#: The operation that deploys the files of all services, as pyinfra names it.
CONFIGURATION = "Configuration: check all of it, put it in place, run it"


@dataclass(frozen=True)
class Run:
    """One run of the pyinfra CLI: exit code, output, and which operations changed something."""

    code: int
    output: str
    changed: list[str]
    total: int


class Runs:
    """What `MailHost` can do by pyinfra's CLI, with its inventory file."""

    target: Target
    inventory: Path
    forks: bool
    hostname: str

    def command(self, *arguments: str, inventory: Path | None = None) -> list[str]:
        """Return the command line of `pyinfra INVENTORY …`."""
        return pyinfra(inventory or self.inventory, *arguments)

    def pyinfra(self, *arguments: str, timeout: float = 600) -> subprocess.CompletedProcess[str]:
        """Run pyinfra's CLI against this host, as a user would: from the repository's root."""
        if self.forks:
            return cli.run(self.command(*arguments), timeout=timeout)
        return subprocess.run(
            self.command(*arguments),
            cwd=ROOT,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=timeout,
            check=False,
        )

    def deploy(self, file: str = "deploy.py", **data: Any) -> Run:
        """Run a deploy file; `data` replaces keys of the inventory (`--data`)."""
        result = self.pyinfra(file, "-y", "--json", *data_arguments(data))
        operations: list[dict[str, Any]] = []
        if result.returncode == 0:
            operations = json.loads(result.stdout)["results"]["operations"]
        return Run(
            code=result.returncode,
            output=result.stdout + result.stderr,
            changed=[operation["name"] for operation in operations if operation["success"]],
            total=len(operations),
        )

    def must_deploy(self, **data: Any) -> Run:
        """Deploy; a failure shows the run and the target's journal."""
        run = self.deploy(**data)
        assert run.code == 0, f"{run.output}\n{self.target.journal()}"
        assert run.total > 0
        return run

    @contextmanager
    def restored(self) -> Iterator[None]:
        """Deploy the inventory as it is at the end, whatever was done to the host meanwhile."""
        try:
            yield
        finally:
            self.must_deploy()

    @contextmanager
    def deployed(self, **changes: Any) -> Iterator[Run]:
        """Deploy the inventory with changed keys; yield that run; at the end deploy it as it is."""
        with self.restored():
            yield self.must_deploy(**changes)

    def fact(self, name: str, *arguments: str) -> Any:
        """Read a fact by the CLI: `pyinfra INVENTORY fact NAME --json`."""
        (value,) = self._facts(name, *arguments)
        return value

    def facts(self, *names: str) -> dict[str, Any]:
        """Read several facts by one call of the CLI; return name -> value."""
        return dict(zip(names, self._facts(*names), strict=True))

    def _facts(self, *arguments: str) -> list[Any]:
        result = self.pyinfra("fact", *arguments, "--json")
        assert result.returncode == 0, result.stderr
        per_fact = json.loads(result.stdout).values()
        return [value for per_host in per_fact for value in per_host.values()]

    def dns(self, **data: Any) -> tuple[str, dict[str, str]]:
        """Run tasks/dns.py; return what it prints, and each zone file by the zone's name."""
        with only_one("acceptance-dns"):  # every target has the same host name, so the same files
            result = self.pyinfra("tasks/dns.py", "-y", *data_arguments(data))
            assert result.returncode == 0, result.stderr
            files = (ROOT / "build/dns" / self.hostname).glob("*.zone")
            return result.stderr, {file.stem: file.read_text() for file in files}
