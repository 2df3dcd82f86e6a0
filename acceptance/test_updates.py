"""Security updates, by what Debian's timer starts: an older build goes, the configuration stays."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from acceptance.mailhost import MailHost, message
from acceptance.wait import wait_until

# The package that the mirror has, with a lower version and with other configuration of its own, so
# that dpkg asks whose to keep. Not told to apt: it was the newest once.
OLDER = r"""
export DEBIAN_FRONTEND=noninteractive
cd "$(mktemp -d)"
apt-get update -qq
apt-get download -qq "$@"
for package; do
  dpkg-deb -R "$package"_*.deb old
  sed -i "s/^Version: .*/&~older/; s/dovecot-core (= [^)]*/&~older/" old/DEBIAN/control
  for file in old/etc/opendkim.conf old/etc/dovecot/dovecot.conf; do
    [ ! -e "$file" ] || echo '# older' >> "$file"
  done
  dpkg-deb -b --root-owner-group -Znone old "$package.older" > /dev/null
  rm -r old
done
dpkg -i --force-downgrade --force-confdef --force-confold ./*.older
systemctl restart dovecot opendkim postfix
"""

CONFIGURATION = (
    "find /etc/postfix /etc/dovecot /etc/opendkim* /etc/opendmarc.conf /etc/default/postsrsd "
    "/etc/ssl/mail /etc/dkimkeys /etc/systemd/system -type f ! -name '*.dpkg-dist' "
    "-exec sha256sum {} + | sort -k2"
)

# Processes that still run from files which are gone. needrestart leaves two to a reboot: logind,
# whose sessions would end, and what waits for shutdowns on behalf of the updates themselves.
OUTDATED = (
    "grep -lE '(libssl|libcrypto|opendkim).*\\(deleted\\)' /proc/[0-9]*/maps 2>/dev/null"
    " | xargs -r -n1 dirname | while read -r process; do cat $process/comm; done"
    " | grep -vxE 'systemd-logind|unattended-upgr' | cat"
)


UNIT = "apt-daily-upgrade.service"


@pytest.fixture
def outdated(changed_host: MailHost) -> Iterator[list[str]]:
    """The names of packages that the host has in an older version; nothing else is to do."""
    host = changed_host
    host.must_deploy(mail_updates="install")
    waiting = host.run("sh", "-c", "apt-get -s -qq upgrade | sed -n 's/^Inst \\([^ ]*\\).*/\\1/p'")
    dovecot = host.run("sh", "-c", "dpkg -l 'dovecot-*' | sed -n 's/^ii *\\([^ ]*\\) .*/\\1/p'")
    names = ["postfix", *dovecot.split(), "opendkim"]
    names.append({12: "libssl3", 13: "libssl3t64"}[host.release])
    if waiting:
        host.run("apt-mark", "hold", *waiting.split())
    host.run("sh", "-euc", OLDER, "older", *names)
    yield names
    if waiting:
        host.run("apt-mark", "unhold", *waiting.split())


def versions(host: MailHost, names: list[str]) -> list[str]:
    return host.run("dpkg-query", "-W", "-f", "${Version}\n", *names).split()


def update(host: MailHost) -> None:
    """Let a day go by, to the end of what its timer starts."""
    done = ("systemctl", "show", "--value", "-p", "InactiveEnterTimestampMonotonic", UNIT)
    before = host.run(*done)
    host.run("sh", "-c", "rm -f /var/lib/apt/periodic/*")
    # It restarts systemd too, which who waits for it does not survive.
    host.run("systemctl", "start", "--no-block", UNIT)
    wait_until(lambda: host.run(*done, check=False) not in ("", before), 240, "all is updated")


def test_mail_packages_are_updated_and_run_as_configured(
    changed_host: MailHost, outdated: list[str]
) -> None:
    host = changed_host
    assert all(version.endswith("~older") for version in versions(host, outdated))
    before, pids = host.run("sh", "-c", CONFIGURATION), host.pids()
    update(host)
    log = host.run("cat", "/var/log/unattended-upgrades/unattended-upgrades.log")
    assert not any(version.endswith("~older") for version in versions(host, outdated)), log
    assert host.run("sh", "-c", CONFIGURATION) == before
    assert host.run("sh", "-c", OUTDATED) == "", "what runs on an old version"
    now = host.pids()
    assert not now.items() & pids.items(), "they had old versions"

    host.send(message("updated", "alice@example.test", "bob@example.test"))
    assert b"DKIM-Signature" in host.wait_for("bob", "updated")
    for timer in ("apt-daily.timer", "apt-daily-upgrade.timer"):
        assert host.run("systemctl", "is-enabled", timer).strip() == "enabled"
        assert host.run("systemctl", "is-active", timer).strip() == "active"
    assert host.must_deploy(mail_updates="install").changed == []
