"""What somebody changed by hand, at three in the morning: a run mends that, and nothing else."""

from __future__ import annotations

import re

import pytest

from acceptance.support.mailhost import MailHost
from acceptance.support.runs import CONFIGURATION

MACHINE = "Machine: names, clock, swap, the account that owns the mail"
TLS = "TLS: a self-signed certificate"
DKIM = "DKIM: a signing key for each domain"

TABLES = "/etc/postfix/tables"
KEY = "/etc/dkimkeys/example.test/default.private"
SECOND_KEY = "/etc/dkimkeys/second.test/default.private"
RELAY = "smtpd_relay_restrictions"
RESTRICTIONS = "$no_inner_domain, permit_mynetworks, reject_unauth_destination"

# Of each: the operations that have to mend it, and no others; what was done and what proves that
# it was mended, by the service's own tools. One run mends all of a group.
DRIFTS: dict[str, tuple[list[str], dict[str, str]]] = {
    "settings edited, tables and drop-ins lost, a user added": (
        [CONFIGURATION],
        {
            f"postconf -e {RELAY}=permit": (f"postconf -h {RELAY} | grep -qxF '{RESTRICTIONS}'"),
            "postconf -P smtp/inet/smtpd_sasl_auth_enable=yes && postfix reload": (
                "! postconf -P | grep -q smtp/inet/smtpd_sasl_auth_enable"
            ),
            "sed -i 's/^ssl = .*/ssl = yes/' /etc/dovecot/dovecot.conf": (
                "doveconf -h ssl | grep -qx required"
            ),
            "echo 'Mode v' >> /etc/opendkim.conf": "! grep -q '^Mode v' /etc/opendkim.conf",
            f"rm {TABLES}/virtual_aliases": (
                f"postmap -q sales@example.test texthash:{TABLES}/virtual_aliases | grep -q bob"
            ),
            "echo 'eve@example.test:{PLAIN}eve::::::' > /etc/dovecot/users": (
                "doveadm user alice && ! doveadm user eve"
            ),
            "rm /etc/opendkim/tables/signing": "grep -q second.test /etc/opendkim/tables/signing",
            "rm /etc/systemd/system/opendkim.service.d/mailhost.conf; systemctl daemon-reload": (
                "systemctl show opendkim -p Restart | grep -qx Restart=always"
            ),
            "rm /etc/systemd/journald.conf.d/mailhost.conf": (
                "systemd-analyze cat-config systemd/journald.conf | grep -q SystemMaxUse=200M"
            ),
        },
    ),
    "modes loosened": (
        [TLS, DKIM, CONFIGURATION],  # the last for /etc/dovecot/users
        {
            "chmod 644 /etc/ssl/mail/mail.pem": (
                "stat -c '%U:%G %a' /etc/ssl/mail/mail.pem | grep -qx 'root:root 600'"
            ),
            f"chown root {KEY}": f"stat -c '%U %a' {KEY} | grep -qx 'opendkim 600'",
            f"chmod 640 {SECOND_KEY}": f"stat -c '%U %a' {SECOND_KEY} | grep -qx 'opendkim 600'",
            "chmod 666 /etc/dovecot/users": (
                "stat -c '%U:%G %a' /etc/dovecot/users | grep -qx 'root:dovecot 640'"
            ),
        },
    ),
    "services stopped": (
        [CONFIGURATION],
        {
            "systemctl stop opendkim": (
                "systemctl is-active opendkim && test -S /var/spool/postfix/opendkim/opendkim.sock"
            ),
            "systemctl stop dovecot": "doveadm user alice",
            "systemctl stop postfix": "postfix status",
        },
    ),
    "services disabled": (
        [CONFIGURATION],
        {
            "systemctl disable -q opendkim": "systemctl is-enabled opendkim",
            "systemctl stop dovecot && systemctl mask -q dovecot": (
                "systemctl is-active dovecot && systemctl is-enabled dovecot"
            ),
            "systemctl disable -q --now postfix": "postfix status && systemctl is-enabled postfix",
        },
    ),
    # Killed, it would be back without us. Debian 12's postfix.service looks active all the same.
    "postfix ended": (
        [CONFIGURATION],
        {
            "postfix stop": "postfix status",
        },
    ),
    "the machine's names and the mail folder": (
        [MACHINE],
        {
            "echo vps > /etc/mailname; hostname vps": (
                "hostname | grep -qx mail.example.test && grep -qx example.test /etc/mailname"
            ),
            "echo vps > /etc/hostname": "grep -qx mail.example.test /etc/hostname",
            "chmod 755 /var/vmail": "stat -c '%U %a' /var/vmail | grep -qx 'vmail 700'",
        },
    ),
}


@pytest.mark.provoking
@pytest.mark.parametrize("drift", DRIFTS)
def test_a_run_mends_exactly_what_drifted(host: MailHost, drift: str) -> None:
    operations, changes = DRIFTS[drift]
    for done in changes:
        host.run("sh", "-euc", done)
    assert host.must_deploy().changed == operations
    for proof in changes.values():
        host.run("sh", "-euc", proof)
    # Whatever this run left to be done, the next test's run would name.


def test_a_broken_signing_key_stops_the_run_and_is_kept(host: MailHost) -> None:
    host.run("sh", "-euc", f"cp -p {KEY} /root/kept; : > {KEY}")
    try:
        run = host.deploy()
        assert run.code == 1
        assert re.search(f"no private key: {KEY}; restore it from a backup", run.output)
        assert host.run("cat", KEY) == ""
    finally:
        host.run("mv", "/root/kept", KEY)
    assert host.must_deploy().changed == []
