"""Security updates, by what Debian's timer starts: an older build goes, the configuration stays."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from acceptance.support.mailhost import MailHost
from testbed.messages import message
from testbed.wait import wait_until

# What Debian's security archive would have: newer builds of packages, with other configuration of
# their own, so that dpkg asks whose to keep. It is the only archive meanwhile: nothing else is to
# do, and apt has not to read of 60,000 packages at each of its steps.
SECURITY = r"""
export DEBIAN_FRONTEND=noninteractive
. /etc/os-release
mv /etc/apt/sources.list.d/debian.sources /root
rm -rf /srv/security
mkdir /srv/security
cd /srv/security
newer=+newer$(date +%s)
for package; do
  dpkg-deb -R /root/"$package"_*.deb new
  sed -i "s/^Version: .*/&$newer/; s/dovecot-core (= [^)]*/&$newer/" new/DEBIAN/control
  for file in new/etc/opendkim.conf new/etc/dovecot/dovecot.conf; do
    [ ! -e "$file" ] || echo '# newer' >> "$file"
  done
  dpkg-deb -b --root-owner-group -Znone new . > /dev/null
  rm -r new
done
for deb in ./*.deb; do
  dpkg-deb -f "$deb"
  printf 'Filename: %s\nSize: %s\nSHA256: %s\n\n' \
    "$deb" "$(stat -c %s "$deb")" "$(sha256sum < "$deb" | cut -d ' ' -f 1)"
done > Packages
cat > Release <<EOF
Origin: Debian
Label: Debian-Security
Codename: $VERSION_CODENAME-security
SHA256:
 $(sha256sum < Packages | cut -d ' ' -f 1) $(stat -c %s Packages) Packages
EOF
echo 'deb [trusted=yes] file:/srv/security ./' > /etc/apt/sources.list.d/security.list
apt-get update -qq -o APT::Get::List-Cleanup=no
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
def outdated(host: MailHost) -> Iterator[list[str]]:
    """The names of packages of which there are newer ones, on a host that installs updates."""
    dovecot = host.run("sh", "-c", "dpkg -l 'dovecot-*' | sed -n 's/^ii *\\([^ ]*\\) .*/\\1/p'")
    names = ["postfix", *dovecot.split(), "opendkim"]
    names.append({12: "libssl3", 13: "libssl3t64"}[host.release])
    download = 'cd /root; rm -f ./*.deb; apt-get download -qq "$@"'
    with host.deployed(mail_updates="install"):
        host.run("sh", "-euc", download, "download", *names)
        host.run("sh", "-euc", SECURITY, "security", *names)
        yield names
        restore = "cd /etc/apt/sources.list.d; rm security.list; mv /root/debian.sources ."
        host.run("sh", "-euc", restore)


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
    host: MailHost, outdated: list[str]
) -> None:
    earlier = set(versions(host, outdated))
    before, pids = host.run("sh", "-c", CONFIGURATION), host.pids()
    update(host)
    log = host.run("cat", "/var/log/unattended-upgrades/unattended-upgrades.log")
    present = versions(host, outdated)
    assert all("+newer" in version and version not in earlier for version in present), log
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
