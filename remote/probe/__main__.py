"""
Standard input has lines SERVICE UNIT CHECK ARGUMENT…, a service's lines one after the other.

For each service that fails a check, its unit goes to standard output and a sentence on its first
failure to standard error. The exit code is 1 then.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby, zip_longest

from probe import mail, milters
from probe.fault import Fault

#: Seconds for a service to be ready after its reload.
PATIENCE = 4.0


def knows(user: str) -> None:
    """Dovecot can read its users."""
    found = subprocess.run(["doveadm", "auth", "lookup", user], capture_output=True, check=False)
    if found.returncode:
        raise Fault(f"the user {user} is not known, or the file of the users can't be read")


def states(units: Sequence[str]) -> dict[str, str]:
    """Return the state of each unit. One call for all: a call takes longer than most checks."""
    command = ["systemctl", "is-active", *units]
    shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    return dict(zip_longest(units, shown, fillvalue="not there"))


def runs(unit: str) -> None:
    """The unit is active."""
    if (state := states([unit])[unit]) != "active":
        raise Fault(f"{unit} is {state}")


CHECKS: dict[str, Callable[..., None]] = {
    "answers": milters.answers,
    "greets": mail.greets,
    "https": mail.https,
    "imap": mail.imap,
    "knows": knows,
    "pop3": mail.pop3,
    "rewrites": mail.rewrites,
    "runs": runs,
    "signs": milters.signs,
    "smtp": mail.smtp,
    "submission": mail.submission,
}


def patiently(check: Callable[..., None], *arguments: str) -> None:
    """Run a check, and repeat it while it fails, for as long as a reload may take."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return check(*arguments)
        except Fault:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.25)


def faults(lines: Iterable[str]) -> dict[str, str]:
    """Run every service's checks; return unit -> sentence for each service that fails one."""
    words = [line.split() for line in lines if line.strip()]
    names = {unit: name for name, unit, *_ in words}
    found: dict[str, str] = {}
    before = states(list(names))
    for unit, checks in groupby(words, lambda line: line[1]):
        try:
            for _, _, check, *arguments in checks:
                if check != "runs" or before[unit] != "active":
                    patiently(CHECKS[check], *arguments)
        except Fault as fault:
            found[unit] = str(fault)
    # Asked again: a service that was about to die may have answered.
    for unit, state in states(list(names)).items():
        if state != "active":
            found.setdefault(unit, f"{unit} is {state}")
    return {unit: f"{names[unit]}: {sentence}" for unit, sentence in found.items()}


def main() -> int:
    """Return the exit code."""
    code = 0
    for unit, sentence in faults(sys.stdin).items():
        print(unit)
        # It may quote a program of somebody else that has taken a port.
        print("".join(c if c.isprintable() else "?" for c in sentence), file=sys.stderr)
        code = 1
    return code


if __name__ == "__main__":
    sys.exit(main())
