"""Debian packages, installed so that no service ever runs unconfigured."""

from collections.abc import Generator, Sequence

from pyinfra import host
from pyinfra.api import StringCommand

from facts.packages import GUARD_MARK, Packages
from facts.shell import script
from operations.operation import operation
from operations.scripts import shell

#: Postfix's debconf answers; its main.cf is ours from the first start on.
_DEBCONF = "postfix postfix/main_mailer_type select Internet Site\n"


@operation()
def install(packages: Sequence[str]) -> Generator[StringCommand, None, None]:
    """
    Install the packages that are missing, and finish an installation that was cut off.

    + packages: names of Debian packages; those that are installed are neither upgraded nor touched

    Waits up to 10 minutes for another apt to finish. No service is started.
    """
    states = host.get_fact(Packages, packages=packages)
    if states.installed.issuperset(packages) and not states.interrupted:
        host.noop("all packages are installed")
        return
    # pyinfra's apt.packages cannot wait for the lock that a new VPS's first unattended upgrade
    # holds, cannot take up an installation that was cut off, and starts services before they are
    # configured.
    yield script(shell("packages/install.sh"), GUARD_MARK, *packages, stdin=_DEBCONF)
