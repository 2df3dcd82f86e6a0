"""A deployed target as a test sees it: deployed by the CLI, talked to by real mail clients."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from acceptance.support.clients import MailClients
from acceptance.support.runs import Runs
from testbed.container import restarted
from testbed.inventory import DOMAINS, HOSTNAME, PASSWORDS, inventory_name
from testbed.peer import Peer
from testbed.targets import Target


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

    def pids(self) -> dict[str, int]:
        """Return the main process of each service, from the service's own files."""
        main = "systemctl show -p MainPID --value"
        text = self.run(
            "sh",
            "-c",
            f"{main} opendkim; {main} dovecot; cat /var/spool/postfix/pid/master.pid",
        )
        opendkim, dovecot, postfix = (int(word) for word in text.split())
        return {"opendkim": opendkim, "dovecot": dovecot, "postfix": postfix}

    def log(self, pattern: str, since: float = 0) -> list[str]:
        """Return the journal's lines that match a regular expression, since a time of the epoch."""
        lines = self.run("journalctl", "--no-pager", "-o", "cat", f"--since=@{since}").splitlines()
        return [line for line in lines if re.search(pattern, line)]
