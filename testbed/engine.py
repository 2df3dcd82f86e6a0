"""
A Docker engine that answers: the one that the `docker` command would use, else Debian's own.

`python -m testbed.engine` makes sure of it and says which one it is.
"""

import functools
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import docker  # type: ignore[import-untyped]
from docker.context import ContextAPI  # type: ignore[import-untyped]
from docker.errors import DockerException  # type: ignore[import-untyped]

from testbed.progress import SetupError, only_one, run, say
from testbed.wait import TimedOut, wait_until

PACKAGES = ["docker.io", "iptables", "debootstrap"]
DAEMON_LOG = Path("/var/log/mailhost-dockerd.log")
START_TIMEOUT = 60.0
# Each systemd takes some six, of 128 for all of root's programs: the 22nd container would not boot.
INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
INOTIFY_INSTANCES = 1024


def chosen_elsewhere() -> str | None:
    """Return how the user chose another engine than the default one, for messages; else None."""
    if os.environ.get("DOCKER_HOST"):
        return f"DOCKER_HOST={os.environ['DOCKER_HOST']}"
    context = os.environ.get("DOCKER_CONTEXT") or ContextAPI.get_current_context().Name
    return None if context == "default" else f"docker context {context}"


def connect() -> Any:
    """Return a client of the engine that the `docker` command uses too, without asking it anything.

    In the command's order: DOCKER_HOST, DOCKER_CONTEXT, `docker context use`, the default socket.
    """
    if not os.environ.get("DOCKER_HOST"):
        context = ContextAPI.get_context(
            os.environ.get("DOCKER_CONTEXT") or ContextAPI.get_current_context().Name
        )
        if context is None:
            raise SetupError(f"There is no docker context {os.environ['DOCKER_CONTEXT']}.")
        if context.Name != "default":
            return docker.DockerClient(base_url=context.Host, tls=context.TLSConfig)
    return docker.from_env()


def _answering() -> Any:
    """Return a client whose engine answers, or the reason why there is none."""
    try:
        client = connect()
        client.ping()
    except (DockerException, OSError) as error:  # docker-py lets some of requests' errors through
        return error
    return client


def answers() -> bool:
    """Tell whether an engine answers already, without doing anything about it."""
    return not isinstance(_answering(), Exception)


def may_install() -> bool:
    """Tell whether this machine's own packages can be installed from here: Debian, as root."""
    try:
        debian = platform.freedesktop_os_release().get("ID") == "debian"
    except OSError:
        debian = False
    return debian and os.geteuid() == 0


def install(what: str, *packages: str) -> None:
    """Install Debian packages with visible progress."""
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    # Its exit code is not asked: one dead third-party source does not matter, the next step tells.
    subprocess.run(["apt-get", "update", "-qq"], stdin=subprocess.DEVNULL, check=False)
    apt = ["apt-get", "install", "-y", "-q", "--no-install-recommends", "-o", "Dpkg::Use-Pty=0"]
    apt += ["-o", "DPkg::Lock::Timeout=120"]  # a new machine may be upgrading itself just now
    run(f"Installing {what} ({', '.join(packages)})", [*apt, *packages], quiet)


def _install_engine() -> None:
    install("the Docker engine", *PACKAGES)
    if not shutil.which("docker"):  # from Debian 13 on, the command is a package of its own
        install("the docker command", "docker-cli")


def _start_engine() -> None:
    """Start dockerd by the machine's own means, and wait until its API answers."""
    if Path("/run/systemd/system").is_dir():
        subprocess.run(["systemctl", "start", "docker"], check=False)
    elif Path("/etc/init.d/docker").exists() and shutil.which("service"):
        with DAEMON_LOG.open("ab") as log:
            started = subprocess.run(
                ["service", "docker", "start"], stdout=log, stderr=log, check=False
            )
        if started.returncode == 0:
            try:
                wait_until(answers, START_TIMEOUT / 4, "dockerd")
                return
            except TimedOut:
                say("    service docker start brought up no engine; starting dockerd directly")
    if not answers() and not Path("/run/systemd/system").is_dir():
        with DAEMON_LOG.open("ab") as log:
            daemon = subprocess.Popen(
                ["dockerd"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # it outlives this command, like any service
            )
        wait_until(lambda: answers() or daemon.poll() is not None, START_TIMEOUT, "dockerd")
        if daemon.poll() is not None:
            last = DAEMON_LOG.read_text(errors="replace").strip().splitlines()[-1:]
            raise SetupError(f"dockerd stopped at once, see {DAEMON_LOG}: {' '.join(last)}")
    wait_until(answers, START_TIMEOUT, "dockerd")


@functools.cache
def ensure() -> Any:
    """Return a client of a Docker engine that answers; install and start Debian's where allowed.

    Raises SetupError with one sentence that says what to install or to start instead.
    """
    client = _answering()
    alive = not isinstance(client, Exception)
    if alive and shutil.which("docker"):
        return client
    chosen = chosen_elsewhere()
    if not alive and chosen:
        raise SetupError(f"No Docker engine answers ({chosen}): start that one, or unset it.")
    if "Permission denied" in str(client):
        raise SetupError(
            "The Docker engine refuses this user: run as root, or add the user to the group docker."
        )
    if not may_install():
        missing = "`docker` command" if alive else "Docker engine"
        raise SetupError(
            f"There is no {missing} here: install Docker and start it "
            "(on Debian, this command does so itself when it is run as root)."
        )
    with only_one("engine"):  # threads and other commands come here at the same time
        if not (shutil.which("dockerd") and shutil.which("docker")):
            _install_engine()
        if not answers():
            say("--> Starting the Docker engine")
            try:
                _start_engine()
            except TimedOut as error:
                raise SetupError(f"The Docker engine did not start: {error}.") from error
    client = _answering()
    if isinstance(client, Exception):
        raise SetupError(f"The Docker engine does not answer: {client}")
    return client


def make_room() -> None:
    """Let a whole suite's containers boot at the same time, where this user may decide that."""
    if os.access(INOTIFY, os.W_OK) and int(INOTIFY.read_text()) < INOTIFY_INSTANCES:
        say(f"--> Raising fs.inotify.max_user_instances to {INOTIFY_INSTANCES}")
        INOTIFY.write_text(str(INOTIFY_INSTANCES))


def main() -> None:
    """Make sure of the engine and say which one it is."""
    try:
        client = ensure()
    except SetupError as error:
        sys.exit(f"error: {error}")
    print(f"Docker engine {client.version()['Version']} answers.")


if __name__ == "__main__":
    main()
