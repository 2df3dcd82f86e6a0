"""Verification of arriving mail, and forwarding, come and go with the settings."""

from __future__ import annotations

from email import message_from_bytes

from acceptance.support.mailhost import MailHost
from acceptance.support.signatures import unique
from testbed.inventory import HOSTNAME
from testbed.messages import message

SERVICES = ("opendmarc", "postsrsd")


def arrived(host: MailHost) -> list[str]:
    """Return what the host writes about mail from outside."""
    subject = unique("arriving")
    with host.smtp(25) as client:
        client.send_message(message(subject, "stranger@world.test", "alice@example.test"))
    mail = message_from_bytes(host.wait_for("alice", subject))
    return [str(field) for field in mail.get_all("Authentication-Results", [])]


def test_mail_of_strangers_is_judged(host: MailHost) -> None:
    found = " ".join(arrived(host))
    assert "spf=softfail" in found or "spf=fail" in found, "world.test lists its own host only"
    assert "dmarc=none" in found, "world.test has no policy"


def test_what_is_not_wanted_does_not_run(host: MailHost) -> None:
    aliases = {"root": ["alice"], "machine": [f"root@{HOSTNAME}"]}  # which is no other host
    without = {"mail_dmarc_inbound": "off", "mail_aliases": aliases}
    with host.deployed(**without):
        for service in SERVICES:
            assert host.run("systemctl", "is-active", service, check=False).strip() == "inactive"
            assert host.run("systemctl", "is-enabled", service, check=False).strip() == "disabled"
        assert arrived(host) == []
        subject = unique("to the machine")
        host.send(message(subject, "bob@example.test", "machine@example.test"), "bob")
        assert host.wait_for("alice", subject)
        assert host.must_deploy(**without).changed == []
    for service in SERVICES:
        assert host.run("systemctl", "is-active", service).strip() == "active"
        assert host.run("systemctl", "is-enabled", service).strip() == "enabled"
