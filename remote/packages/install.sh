#!/bin/sh
# Install Debian packages, and start none of their services: install.sh MARK PACKAGE...
#
# MARK   comment that marks the guard as ours
#
# Standard input is their debconf answers.
set -eu
. ../transaction/lock.sh
mark=$1; shift
export DEBIAN_FRONTEND=noninteractive
# The guard: no service starts before it is configured. One that somebody else put there is kept
# (invoke-rc.d(8)).
guard=/usr/sbin/policy-rc.d
if [ ! -e $guard ]; then
  printf '#!/bin/sh\n%s\nexit 101\n' "$mark" > $guard
  chmod 755 $guard
fi
trap 'if grep -q "^$mark" $guard; then rm -f $guard; fi' EXIT

apt() {
  apt-get -qq -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 \
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"
}

[ -z "$(dpkg --audit)" ] || dpkg --configure -a --force-confdef --force-confold

# `apt-get update` has a lock that no option makes it wait for. Apt's own daily job may hold it.
update() {
  for _ in $(seq 300); do
    said=$(LC_ALL=C apt update 2>&1) && return
    case $said in *"Could not get lock"*) sleep 2 ;; *) break ;; esac
  done
  echo "$said" >&2
  return 1
}

update
# Of lighttpd the program only: Debian's unit would serve its own page on port 80 after a reboot.
# A lighttpd that is there already is somebody's.
case " $* " in *" lighttpd "*) [ -e /usr/sbin/lighttpd ] || systemctl mask -q lighttpd ;; esac
command -v debconf-set-selections > /dev/null || apt install -y --no-install-recommends debconf
debconf-set-selections
apt install -y --no-install-recommends "$@"
