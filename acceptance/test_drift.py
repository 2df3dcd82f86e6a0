"""What somebody changed by hand, at three in the morning: a run mends that, and nothing else."""

from __future__ import annotations

import re

import pytest

from acceptance.mailhost import MailHost

CONFIGURATION = "Configuration: check all of it, put it in place, run it"
MACHINE = "Machine: names, clock, swap, the account that owns the mail"
TLS = "TLS: a self-signed certificate"
DKIM = "DKIM: a signing key for each domain"

POSTFIX_UNIT = "$(systemctl -q is-active postfix@-.service && echo postfix@- || echo postfix)"

# what was done, what proves that it was mended, which operations have to mend it
DRIFTS = {
    "a setting in main.cf": (
        "postconf -e smtpd_relay_restrictions=permit",
        "postconf -h smtpd_relay_restrictions | grep -qx 'permit_mynetworks, reject_unauth_destination'",
        [CONFIGURATION],
    ),
    "a service in master.cf": (
        "postconf -P smtp/inet/smtpd_sasl_auth_enable=yes && postfix reload",
        "! postconf -P | grep -q smtp/inet/smtpd_sasl_auth_enable",
        [CONFIGURATION],
    ),
    "a setting in dovecot.conf": (
        "sed -i 's/^ssl = .*/ssl = yes/' /etc/dovecot/dovecot.conf",
        "doveconf -h ssl | grep -qx required",
        [CONFIGURATION],
    ),
    "a lookup table deleted": (
        "rm /etc/postfix/tables/virtual_aliases",
        "postmap -q sales@example.test texthash:/etc/postfix/tables/virtual_aliases | grep -q bob",
        [CONFIGURATION],
    ),
    "the users emptied": (
        ": > /etc/dovecot/users",
        "doveadm user alice",
        [CONFIGURATION],
    ),
    "a user added by hand": (
        "echo 'eve@example.test:{PLAIN}eve::::::' >> /etc/dovecot/users",
        "! doveadm user eve 2>/dev/null",
        [CONFIGURATION],
    ),
    "the users' mode loosened": (
        "chmod 666 /etc/dovecot/users",
        "stat -c '%U:%G %a' /etc/dovecot/users | grep -qx 'root:dovecot 640'",
        [CONFIGURATION],
    ),
    "the certificate's mode loosened": (
        "chmod 644 /etc/ssl/mail/mail.pem",
        "stat -c '%U:%G %a' /etc/ssl/mail/mail.pem | grep -qx 'root:root 600'",
        [TLS, CONFIGURATION],  # the file's change is a reason to reload
    ),
    "the signing key's mode and owner loosened": (
        "chmod 644 /etc/dkimkeys/example.test/default.private; "
        "chown root /etc/dkimkeys/example.test/default.private",
        "stat -c '%U %a' /etc/dkimkeys/example.test/default.private | grep -qx 'opendkim 600'",
        [DKIM],
    ),
    "opendkim stopped": (
        "systemctl stop opendkim",
        "systemctl is-active opendkim && test -S /var/spool/postfix/opendkim/opendkim.sock",
        [CONFIGURATION],
    ),
    "dovecot stopped and masked": (
        "systemctl stop dovecot && systemctl mask dovecot",
        "systemctl is-active dovecot && systemctl is-enabled dovecot",
        [CONFIGURATION],
    ),
    "postfix killed": (
        f"unit={POSTFIX_UNIT}; kill -9 $(cat /var/spool/postfix/pid/master.pid); "
        "while systemctl is-active --quiet $unit; do :; done",
        "postfix status",
        [CONFIGURATION],
    ),
    "postfix stopped and disabled": (
        "systemctl disable -q --now postfix",
        "postfix status && systemctl is-enabled postfix",
        [CONFIGURATION],
    ),
    "the unit's bounds removed": (
        "rm /etc/systemd/system/opendkim.service.d/mailhost.conf && systemctl daemon-reload",
        "systemctl show opendkim -p Restart | grep -qx Restart=always",
        [CONFIGURATION],
    ),
    "the journal's bound removed": (
        "rm /etc/systemd/journald.conf.d/mailhost.conf",
        "grep -q SystemMaxUse /etc/systemd/journald.conf.d/mailhost.conf",
        [CONFIGURATION],
    ),
    "the names overwritten": (
        "echo vps > /etc/mailname; hostname vps",
        "hostname | grep -qx mail.example.test && grep -qx example.test /etc/mailname",
        [MACHINE],
    ),
    "the mail folder opened": (
        "chmod 755 /var/vmail",
        "stat -c '%U %a' /var/vmail | grep -qx 'vmail 700'",
        [MACHINE],
    ),
}


@pytest.mark.parametrize("drift", DRIFTS)
def test_a_run_mends_exactly_what_drifted(host: MailHost, drift: str) -> None:
    done, proof, operations = DRIFTS[drift]
    host.run("sh", "-euc", done)
    run = host.must_deploy()
    assert run.changed == operations
    host.run("sh", "-euc", proof)
    assert host.must_deploy().changed == []


def test_a_broken_signing_key_stops_the_run_and_is_kept(host: MailHost) -> None:
    key = "/etc/dkimkeys/example.test/default.private"
    host.run("sh", "-euc", f"cp -p {key} /root/kept; : > {key}")
    try:
        run = host.deploy()
        assert run.code == 1
        assert re.search(f"no private key: {key}; restore it from a backup", run.output)
        assert host.run("cat", key) == ""
    finally:
        host.run("mv", "/root/kept", key)
    assert host.must_deploy().changed == []
