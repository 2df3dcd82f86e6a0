"""Security updates, by what Debian's timer starts: an older build goes, the configuration stays."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from acceptance.mailhost import MailHost, message

# The package that the mirror has, with a lower version and with other configuration of its own, so
# that dpkg asks whose to keep. Not told to apt: it was the newest once.
OLDER = r"""
cd "$(mktemp -d)"
for package; do
  apt-get download -qq "$package"
  dpkg-deb -R "$package"_*.deb old
  sed -i 's/^Version: .*/&~older/' old/DEBIAN/control
  [ ! -e old/etc/opendkim.conf ] || echo '# older' >> old/etc/opendkim.conf
  dpkg-deb -b --root-owner-group -Znone old "$package.older" > /dev/null
  rm -r old
done
dpkg -i --force-downgrade --force-confdef --force-confold ./*.older
systemctl restart dovecot opendkim
"""

CONFIGURATION = (
    "find /etc/postfix /etc/dovecot /etc/opendkim* /etc/opendmarc.conf /etc/default/postsrsd "
    "/etc/ssl/mail /etc/dkimkeys /etc/systemd/system -type f -exec sha256sum {} + | sort -k2"
)

# Files that processes still run from, although they are gone.
OUTDATED = (
    "grep -lE '(libssl|libcrypto|opendkim).*\\(deleted\\)' /proc/[0-9]*/maps 2>/dev/null"
    " | xargs -r -n1 dirname | while read -r process; do cat $process/comm; done"
)


@pytest.fixture
def outdated(host: MailHost) -> Iterator[list[str]]:
    """The names of two packages that the host has in an older version; nothing else is to do."""
    waiting = host.run("sh", "-c", "apt-get -s -qq upgrade | sed -n 's/^Inst \\([^ ]*\\).*/\\1/p'")
    names = ["opendkim", {12: "libssl3", 13: "libssl3t64"}[host.release]]
    if waiting:
        host.run("apt-mark", "hold", *waiting.split())
    host.run("sh", "-euc", OLDER, "older", *names)
    yield names
    if waiting:
        host.run("apt-mark", "unhold", *waiting.split())


def versions(host: MailHost, names: list[str]) -> list[str]:
    return host.run("dpkg-query", "-W", "-f", "${Version}\n", *names).split()


def test_mail_packages_are_updated_and_run_as_configured(
    host: MailHost, outdated: list[str]
) -> None:
    assert all(version.endswith("~older") for version in versions(host, outdated))
    before, pids = host.run("sh", "-c", CONFIGURATION), host.pids()
    # A day has gone by.
    host.run("sh", "-c", "rm -f /var/lib/apt/periodic/*")
    host.run("systemctl", "start", "apt-daily-upgrade.service")

    log = host.run("cat", "/var/log/unattended-upgrades/unattended-upgrades.log")
    assert not any(version.endswith("~older") for version in versions(host, outdated)), log
    assert host.run("sh", "-c", CONFIGURATION) == before
    assert host.run("sh", "-c", OUTDATED) == "", "what runs on an old version"
    now = host.pids()
    assert now["dovecot"] != pids["dovecot"], "it had OpenSSL's old version"
    assert now["opendkim"] != pids["opendkim"]

    host.send(message("updated", "alice@example.test", "bob@example.test"))
    assert b"DKIM-Signature" in host.wait_for("bob", "updated")
    for timer in ("apt-daily.timer", "apt-daily-upgrade.timer"):
        assert host.run("systemctl", "is-enabled", timer).strip() == "enabled"
        assert host.run("systemctl", "is-active", timer).strip() == "active"
    assert host.must_deploy().changed == []
