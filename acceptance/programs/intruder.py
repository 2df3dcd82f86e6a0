"""
An intruder in a service: tries what the service has no business with, and prints what came of each.

`intruder.py UNIT TOKEN` prints TOKEN and JSON. systemd runs it in the sandbox of the unit, see
test_sandbox.py.
"""

import errno
import json
import mmap
import os
import socket
import subprocess
import sys
from collections.abc import Callable


def run(*argv: str) -> str:
    """Return "done", or what a command says that fails."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.stderr.strip().rpartition(": ")[2] if done.returncode else "done"


def attempt(action: Callable[[], object]) -> object:
    """Return a list or text that an action gives, else "done", or the name of its error."""
    try:
        found = action()
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return found if isinstance(found, (list, str)) else "done"


def write(path: str) -> object:
    """Try to make a file."""
    return attempt(lambda: open(path, "a").close())


def listed(path: str) -> object:
    """Try to list a folder."""
    return attempt(lambda: os.listdir(path))


def connected(path: str) -> object:
    """Try to connect to a Unix socket."""
    return attempt(lambda: socket.socket(socket.AF_UNIX).connect(path))


def main() -> None:
    """Try everything."""
    unit, token = sys.argv[1:]
    executable = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
    found = {
        "unit": unit,
        "configuration": write(f"/etc/{token}"),
        "programs": write(f"/usr/local/bin/{token}"),
        "anybody's folder": write(f"/run/lock/{token}"),
        "temporary file": write(f"/tmp/{token}"),
        "home": listed("/home"),
        "mail": listed("/var/vmail"),
        "signing keys": listed("/etc/dkimkeys"),
        "logins": listed("/etc/dovecot"),
        "tables": listed("/etc/postfix/tables"),
        "systemd's process": os.path.exists("/proc/1"),
        "kernel settings": os.path.exists("/proc/sys"),
        "systemd": connected("/run/systemd/private"),
        "message bus": connected("/run/dbus/system_bus_socket"),
        "namespace": run("unshare", "--user", "true"),
        "packets": attempt(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW)),
        "priority": attempt(lambda: os.nice(1)),
        "code in memory": attempt(lambda: mmap.mmap(-1, 4096, prot=executable)),
    }
    print(token, json.dumps(found), flush=True)


main()
