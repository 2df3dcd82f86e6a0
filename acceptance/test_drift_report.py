"""`make drift`: all that was done by hand is found, each by its name, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from acceptance.support.drift import look
from acceptance.support.mailhost import MailHost
from services.all import ALL
from testbed.inventory import HOSTNAME
from testbed.wait import wait_until

KEY = "/etc/dkimkeys/example.test/default.private"
OVERRIDE = "/etc/systemd/system/dovecot.service.d/override.conf"
PEM = "/etc/ssl/mail/mail.pem"
PORT = 8025

# Done by hand -> the row: what, wanted, found (a pattern); whether it says since when.
DRIFTS: dict[str, tuple[str, str, str, bool]] = {
    "postconf -e smtpd_relay_restrictions=permit": (
        "/etc/postfix/main.cf",
        "smtpd_relay_restrictions = $no_inner_domain, permit_mynetworks, reject_unauth_destination",
        "smtpd_relay_restrictions = permit",
        True,
    ),
    "echo 'eve@example.test:{PLAIN}eve-s3cret::::::' >> /etc/dovecot/users": (
        "login eve@example.test",
        "none",
        "a line in /etc/dovecot/users",
        True,
    ),
    "echo 'eve@example.test example.test/eve/' >> /etc/postfix/tables/virtual_mailboxes": (
        "/etc/postfix/tables/virtual_mailboxes",
        "no such line",
        "eve@example.test example.test/eve/",
        True,
    ),
    "rm /etc/opendkim/tables/signing": (
        "/etc/opendkim/tables/signing",
        "the file",
        "no such file",
        False,
    ),
    "chmod 666 /etc/postfix/tables/virtual_aliases": (
        "/etc/postfix/tables/virtual_aliases",
        "root:root 644",
        "root:root 666",
        True,
    ),
    f"chown root {KEY}": (KEY, "opendkim:opendkim 600", "root:opendkim 600", True),
    "chmod 755 /etc/dkimkeys": (
        "/etc/dkimkeys",
        "opendkim:opendkim 700",
        "opendkim:opendkim 755",
        True,
    ),
    "chmod 711 /var/vmail": ("/var/vmail", "vmail:vmail 700", "vmail:vmail 711", True),
    "install -d -o vmail -g vmail -m 750 /var/vmail/drift.test": (
        "/var/vmail/drift.test",
        "vmail:vmail 700",
        "vmail:vmail 750",
        True,
    ),
    "systemctl stop opendmarc": ("opendmarc", "running", "inactive", True),
    "systemctl disable -q postsrsd": ("postsrsd", "starts at boot", "disabled", False),
    "systemctl mask -q opendkim": ("opendkim", "starts at boot", "masked", True),
    f"echo '[Service]' > {OVERRIDE}": (OVERRIDE, "no such file", "changes dovecot", True),
    "apt-mark hold opendkim-tools": ("package opendkim-tools", "updated by apt", "held", False),
    "useradd -o -u 0 toor 2>/dev/null": (
        "account toor",
        "root alone has the uid 0",
        "uid 0",
        False,
    ),
    "echo vps > /etc/mailname": ("/etc/mailname", "example.test", "vps", True),
    f"systemd-run -q --unit drift-test python3 -m http.server {PORT}": (
        f"port {PORT}",
        "nothing listens",
        r"python3 on 0\.0\.0\.0",
        True,
    ),
    # Dovecot's login processes have a certificate that is not the one on disk.
    f"cp -p {PEM} /root/kept; cp -p /root/other {PEM}; systemctl restart dovecot; "
    "for port in 993 995; do openssl s_client -connect 127.0.0.1:$port </dev/null; done; "
    f"mv /root/kept {PEM}": (
        "certificate on ports 110, 143, 993, 995",
        f"that of {PEM}",
        r"another, for other\.test, ends on .*",
        True,
    ),
}
#: Newer than what they read, and no file of theirs is different: only a reload was missed.
UNREAD = {("dovecot", "runs what is on disk", "an older one, it needs a reload")}
# What no deploy takes away, since it did not put it there.
CLEARED = f"""
systemctl stop drift-test
userdel -f toor 2>/dev/null
apt-mark unhold opendkim-tools
chmod 700 /etc/dkimkeys
rm -r {OVERRIDE} /var/vmail/drift.test /root/other
systemctl daemon-reload
"""
OTHER = """
umask 077
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj /CN=other.test \
  -addext subjectAltName=DNS:other.test -keyout /root/other.key -out /root/other.cert 2>/dev/null
cat /root/other.key /root/other.cert > /root/other
rm /root/other.key /root/other.cert
"""
UNITS = sorted(
    {unit for each in ALL if each.is_watched for unit in (each.unit, *each.holders.values())}
)
# Every file and folder that a run could touch, and when each unit came into its state.
STATE = rf"""
find /etc /var/vmail /run/mailhost /usr/local -xdev -printf '%p %m %u %g %T@ %C@\n' | sort
find /etc -xdev -type f -exec sha256sum {{}} +
systemctl show -p Id,UnitFileState,StateChangeTimestamp,InvocationID \
  {" ".join(UNITS)}
"""


@pytest.fixture
def drifted(host: MailHost) -> Iterator[MailHost]:
    """A host to have a bad night, which is mended in the end."""
    with host.restored():
        yield host
        host.run("sh", "-c", CLEARED)


def test_each_drift_is_found_by_name_and_nothing_is_changed(
    drifted: MailHost, tmp_path: Path
) -> None:
    clean = look(drifted)
    assert clean.reports[HOSTNAME]["drift"] == []
    assert clean.code == 0

    drifted.run("sh", "-euc", OTHER)
    drifted.run("mkdir", "-p", str(Path(OVERRIDE).parent))
    for done in DRIFTS:
        drifted.run("sh", "-euc", done)
    wait_until(lambda: f":{PORT}" in drifted.run("ss", "-ltnH"), 20, "the stranger listens")
    wait_until(lambda: ":993" in drifted.run("ss", "-ltnH"), 20, "Dovecot listens again")

    inventory = tmp_path / "two.py"
    down = "('down.test', {'ssh_hostname': '127.0.0.1', 'ssh_port': 9})"
    inventory.write_text(f"{drifted.inventory.read_text()}other = [{down}]\n")
    before = drifted.run("sh", "-c", STATE)
    found = look(drifted, inventory)
    assert drifted.run("sh", "-c", STATE) == before

    assert found.code == 2
    assert found.reports["down.test"] == {"host": "down.test", "error": "could not be reached"}
    assert "s3cret" not in found.output + json.dumps(found.reports)
    rows = found.reports[HOSTNAME]["drift"]
    expected = [*(row[:3] for row in DRIFTS.values()), *UNREAD]
    missing = [each for each in expected if not any(matches(row, each) for row in rows)]
    others = [row for row in rows if not any(matches(row, each) for each in expected)]
    assert (missing, others) == ([], [])
    assert len(rows) == len(expected)
    known = {row["what"]: row["since"] is not None for row in rows}
    assert {what: known[what] for what, *_, since in DRIFTS.values() if known[what] != since} == {}


def matches(row: dict[str, str], expected: tuple[str, str, str]) -> bool:
    """Whether a row of the report is the expected one; what was found is a pattern."""
    what, wanted, found = expected
    same = (row["what"], row["wanted"]) == (what, wanted)
    return same and re.fullmatch(found, row["found"]) is not None


def test_an_inventory_that_is_wrong_is_no_drift(host: MailHost) -> None:
    refused = look(host, mail_domains=[])
    assert refused.code == 1
    (report,) = refused.reports.values()
    assert "mail_domains: " in report["error"]
