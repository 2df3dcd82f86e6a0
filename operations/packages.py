"""Debian packages, installed without a moment in which a service runs unconfigured."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pyinfra import host
from pyinfra.api import StringCommand, operation

from facts.packages import GUARD_MARK, Packages
from facts.shell import script
from operations.transaction import LOCK

#: Postfix's debconf answers; its main.cf is ours from the first start on.
_DEBCONF = "postfix postfix/main_mailer_type select Internet Site\n"

# pyinfra's apt.packages cannot wait for the lock that a new VPS's first unattended upgrade holds,
# cannot take up an installation that was cut off, and starts services before they are configured.
# A policy-rc.d that somebody else put there is kept (invoke-rc.d(8)).
# `apt-get update` has a lock that no option makes it wait for: apt's own daily job may hold it.
_SCRIPT = f"""
set -eu
{LOCK}
export DEBIAN_FRONTEND=noninteractive
guard=/usr/sbin/policy-rc.d
if [ ! -e $guard ]; then
  printf '#!/bin/sh\\n{GUARD_MARK}\\nexit 101\\n' > $guard
  chmod 755 $guard
fi
trap 'if grep -q "^{GUARD_MARK}" $guard; then rm -f $guard; fi' EXIT
apt() {{
  apt-get -qq -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 \
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"
}}
[ -z "$(dpkg --audit)" ] || dpkg --configure -a --force-confdef --force-confold
update() {{
  for _ in $(seq 300); do
    said=$(LC_ALL=C apt update 2>&1) && return
    case $said in *"Could not get lock"*) sleep 2 ;; *) break ;; esac
  done
  echo "$said" >&2
  return 1
}}
update
# Of lighttpd the program only: Debian's unit would serve its own page on port 80 after a reboot.
# A lighttpd that is there already is somebody's.
case " $* " in *" lighttpd "*) [ -e /usr/sbin/lighttpd ] || systemctl mask -q lighttpd ;; esac
command -v debconf-set-selections > /dev/null || apt install -y --no-install-recommends debconf
debconf-set-selections
apt install -y --no-install-recommends "$@"
"""


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
    yield script(_SCRIPT, *packages, stdin=_DEBCONF)
