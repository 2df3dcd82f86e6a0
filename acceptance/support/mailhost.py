"""A deployed target as a test sees it: deployed by the CLI, talked to by real mail clients."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from acceptance.support.clients import MailClients
from acceptance.support.runs import Runs
from services.dovecot import DOVECOT
from services.opendkim import OPENDKIM
from services.postfix import POSTFIX
from services.service import Service
from testbed.container import restarted
from testbed.inventory import DOMAINS, HOSTNAME, PASSWORDS, inventory_name
from testbed.peer import Peer
from testbed.targets import Target

#: A deploy leaves their processes alone, unless it has to restart them.
LASTING = (OPENDKIM, DOVECOT, POSTFIX)


@dataclass
class MailHost(Runs, MailClients):
    """
    + inventory: file that it is deployed with; `with host.deployed(**changes):` deploys others
    + by_docker: pyinfra reaches it by Docker, else over SSH
    + forks: runs of the CLI begin in acceptance/support/cli.py, else from nothing
    + provoked: when, from and to, a test killed or hindered services; seconds since the epoch
    + passwords: address of a user -> password
    """

    release: int
    target: Target
    peer: Peer
    inventory: Path
    by_docker: bool = False
    forks: bool = True
    provoked: list[tuple[float, float]] = field(default_factory=list)
    hostname: str = HOSTNAME
    domains: tuple[str, ...] = DOMAINS
    passwords: dict[str, str] = field(default_factory=lambda: dict(PASSWORDS))

    @property
    def name(self) -> str:
        """The name of the host in its inventory, and so pyinfra's."""
        return inventory_name(self.target, self.by_docker)

    def reboot(self, kill: bool = False) -> None:
        """Boot the host again: after a shutdown, or after SIGKILL of everything on it."""
        ssh = self.target.ports.get(22)
        self.target = restarted(self.target, kill)
        inventory = self.inventory.read_text()
        port = f"'ssh_port': {self.target.ports.get(22)}"
        self.inventory.write_text(inventory.replace(f"'ssh_port': {ssh}", port))

    def run(self, *argv: str, input: str | None = None, check: bool = True) -> str:
        """Run a command on the target and return its output."""
        return self.target.exec(*argv, input=input, check=check)

    def unit(self, service: Service) -> str:
        """Return the unit that holds a service's processes on this release."""
        return service.holder(str(self.release))

    def pids(self) -> dict[str, int]:
        """Return the main process of each service that every host runs, as systemd knows it."""
        units = [self.unit(each) for each in LASTING]
        said = self.run("systemctl", "show", "-p", "MainPID", "--value", *units)
        return dict(zip((each.name for each in LASTING), map(int, said.split()), strict=True))

    def log(self, pattern: str, since: float = 0) -> list[str]:
        """Return the journal's lines that match a regular expression, since a time of the epoch."""
        lines = self.run("journalctl", "--no-pager", "-o", "cat", f"--since=@{since}").splitlines()
        return [line for line in lines if re.search(pattern, line)]
