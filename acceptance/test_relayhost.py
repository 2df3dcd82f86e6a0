"""Where the provider blocks port 25: a smarthost, with a login from a file."""

from __future__ import annotations

from pathlib import Path

from acceptance.support.mailhost import MailHost
from testbed.messages import message

LOGIN = "/etc/postfix/tables/relay_login"


def test_mail_goes_out_by_the_smarthost_with_login_and_tls(host: MailHost, tmp_path: Path) -> None:
    credentials = tmp_path / "smarthost"
    credentials.write_text("relay:relaypass\n")
    smarthost = {
        "mail_relayhost": "smarthost.world.test:587",
        "mail_relayhost_credentials": str(credentials),
    }
    with host.deployed(**smarthost) as run:
        assert "relaypass" not in run.output
        host.send(message("by the smarthost", "alice@example.test", "friend@elsewhere.test"))
        received = host.peer.wait_received(lambda each: b"by the smarthost" in each.raw)
        assert (received.port, received.auth_user) == (587, "relay")
        assert received.tls
        assert received.rcpt_tos == ["friend@elsewhere.test"]
        assert host.run("stat", "-c", "%U %a", LOGIN).strip() == "root 600"
        assert host.run("postconf", "-h", "relayhost").strip() == "[smarthost.world.test]:587"

    host.run("test", "!", "-e", LOGIN)
    assert host.run("postconf", "-h", "relayhost").strip() == ""
