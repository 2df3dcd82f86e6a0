"""Verification of arriving mail, and forwarding, come and go with the settings."""

from __future__ import annotations

from email import message_from_bytes

from acceptance.mailhost import MailHost, message
from acceptance.signatures import unique

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


def test_what_is_not_wanted_does_not_run(changed_host: MailHost) -> None:
    host = changed_host
    without = {"mail_dmarc_inbound": "off", "mail_aliases": {"root": ["alice"]}}
    host.must_deploy(**without)
    for service in SERVICES:
        assert host.run("systemctl", "is-active", service, check=False).strip() == "inactive"
        assert host.run("systemctl", "is-enabled", service, check=False).strip() == "disabled"
    assert arrived(host) == []
    assert host.must_deploy(**without).changed == []
    host.must_deploy()
    for service in SERVICES:
        assert host.run("systemctl", "is-active", service).strip() == "active"
        assert host.run("systemctl", "is-enabled", service).strip() == "enabled"
