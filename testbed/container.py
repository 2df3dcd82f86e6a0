"""One container that plays a host: run commands in it, wait for its boot, read its journal."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from docker.errors import APIError, NotFound  # type: ignore[import-untyped]

from testbed import engine
from testbed.progress import SetupError, say
from testbed.wait import TimedOut, wait_until

LABEL = "mailhost"  # its value says whose a container or network is: demo or acceptance
BOOT_TIMEOUT = 60.0
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "container": "docker",
}

# systemd wants a cgroup2 tree of its own that it may write to. Docker mounts a read-only one, or
# (on a host with cgroup v1) a forest of others; both give way to the container's private tree.
BOOT = (
    "umount -R /sys/fs/cgroup 2>/dev/null; "
    "mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec /sbin/init"
)


class CommandFailed(Exception):
    """A command in a target exited with another code than 0."""

    def __init__(self, argv: tuple[str, ...], code: int, stdout: str, stderr: str) -> None:
        self.argv, self.code, self.stdout, self.stderr = argv, code, stdout, stderr
        said = (stderr or stdout).strip()[-2000:]
        super().__init__(f"{' '.join(argv)[:200]}: exit {code}: {said}")


@dataclass(frozen=True)
class Target:
    """A running container that plays a host."""

    id: str
    name: str
    release: int
    ports: dict[int, int]  # container port -> port on 127.0.0.1
    address: str  # in its Docker network
    gateway: str  # where connections by way of 127.0.0.1 come from
    pid: int  # of its systemd, as this machine counts

    def exec(
        self,
        *argv: str,
        input: str | bytes | None = None,
        check: bool = True,
        timeout: float = 300,
        by_engine: bool = False,
    ) -> str:
        """
        Run a command as root; return its output (what is not UTF-8 in it as surrogates).

        + by_engine: the container may shut down meanwhile: nsenter(1) stops where its child is
          stopped, as systemd does to all at the end, and would never go on
        """
        command, env = self._entering(input is not None, by_engine)
        done = subprocess.run(
            [*command, *argv],
            env=env,
            input=input.encode() if isinstance(input, str) else (input or b""),
            capture_output=True,
            check=False,
            timeout=timeout,
        )
        out, err = (text.decode(errors="surrogateescape") for text in (done.stdout, done.stderr))
        if check and done.returncode:
            raise CommandFailed(argv, done.returncode, out, err)
        return out

    def _entering(self, reads: bool, by_engine: bool) -> tuple[list[str], dict[str, str] | None]:
        """
        Return what runs a command inside, and its environment: nsenter(1) for root and an engine on
        this machine, which costs a twentieth of `docker exec`; otherwise that.
        """
        nsenter = None if by_engine else shutil.which("nsenter")
        if nsenter and os.geteuid() == 0 and engine.chosen_elsewhere() is None:
            return [nsenter, "--all", "--target", str(self.pid), "--"], ENVIRONMENT
        return ["docker", "exec", *(["-i"] if reads else []), self.id], None

    def wait_booted(self, timeout: float = BOOT_TIMEOUT) -> None:
        """Wait until systemd has started everything; show the units that failed, if any."""

        def state() -> str:
            # Fails until systemd listens; from then on systemd itself waits for the boot's end.
            said = self.exec("systemctl", "is-system-running", "--wait", check=False).strip()
            return said if said in ("running", "degraded") else ""

        try:
            reached = wait_until(state, timeout, f"{self.name} booted")
        except TimedOut as error:
            logs = engine.ensure().containers.get(self.id).logs(tail=20).decode()
            raise SetupError(f"{error}: {logs.strip() or 'no output'}") from error
        if reached == "degraded":
            say(f"{self.name}: degraded\n{self.exec('systemctl', '--failed', '--no-pager')}")

    def journal(self, lines: int = 400) -> str:
        """Return the end of the journal, with the units that failed on top: for a failed test."""
        failed = self.exec("systemctl", "--failed", "--no-legend", "--plain", check=False)
        journal = ("journalctl", "--boot", "--no-pager", "--quiet", f"--lines={lines}")
        return f"failed units: {failed.strip() or 'none'}\n{self.exec(*journal, check=False)}"

    def remove(self) -> None:
        """Remove the container and all that it kept; it may be gone already."""
        try:
            container = engine.ensure().containers.get(self.id)
        except NotFound:
            return
        remove(container)


def restarted(target: Target, kill: bool = False) -> Target:
    """
    Restart a container, whose files stay, and wait until it has booted; return what it is now.

    + kill: every process of it dies by SIGKILL, instead of a shutdown by systemd

    The ports that it is published at are others afterwards.
    """
    container = engine.ensure().containers.get(target.id)
    if kill:
        container.kill()
    else:
        target.exec("systemctl", "poweroff", check=False)
    container.wait(timeout=BOOT_TIMEOUT)
    return boot(container, dns=container.attrs["HostConfig"]["Dns"])


def remove(container: Any) -> None:
    """Remove a container at once; one that is already gone is fine."""
    try:
        container.remove(force=True, v=True)
    except NotFound:
        pass
    except APIError as error:
        if "already in progress" not in str(error):
            raise


def as_target(container: Any) -> Target:
    """Read a running container's present ports and address."""
    container.reload()
    network = container.attrs["NetworkSettings"]
    return Target(
        id=container.id,
        name=container.name,
        release=int(container.labels[f"{LABEL}.release"]),
        ports={
            int(inside.partition("/")[0]): int(bound[0]["HostPort"])
            for inside, bound in network["Ports"].items()
            if bound
        },
        address=next(iter(network["Networks"].values()))["IPAddress"],
        gateway=next(iter(network["Networks"].values()))["Gateway"],
        pid=container.attrs["State"]["Pid"],
    )


def boot(container: Any, *, dns: Sequence[str] = (), authorized_key: str | None = None) -> Target:
    """Start a created or stopped container, and wait until it has booted."""
    try:
        container.start()
    except APIError as error:
        if container.status == "created":  # a port is taken, for example
            remove(container)
        raise SetupError(f"{container.name} did not start: {error.explanation}") from error
    target = as_target(container)
    if dns:
        # Docker would put its own resolver in between, which answers reverse names by itself.
        servers = "".join(f"nameserver {server}\n" for server in dns)
        target.exec("sh", "-c", "cat > /etc/resolv.conf", input=servers)
    if authorized_key:
        keys = "umask 077; mkdir -p ~root/.ssh ~admin/.ssh; tee ~root/.ssh/authorized_keys"
        write = f"{keys} > ~admin/.ssh/authorized_keys; chown -R admin: ~admin/.ssh"
        target.exec("sh", "-euc", write, input=authorized_key.strip() + "\n")
    target.wait_booted()
    return target
