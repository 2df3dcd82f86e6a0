"""facts/live.py: its parser."""

from __future__ import annotations

from facts.live import Listener, LooseFolder, parse_live


def test_the_live_state_is_parsed() -> None:
    state = parse_live(
        [
            "sockets=read",
            'listener=1795570000 0.0.0.0:25 users:(("smtpd",pid=9,fd=6),("master",pid=7,fd=13))',
            "listener=0 [::]:22 ",
            "login=/etc/dovecot/users alice@example.org",
            "login=/etc/dovecot/users ",
            "loose=vmail:vmail 755 1795570000.5 /var/vmail/a b",
            "superuser=root",
        ]
    )
    assert state.listeners == (
        Listener("0.0.0.0", 25, ("smtpd", "master"), 1795570000),
        Listener("::", 22, (), 0),
    )
    assert state.logins == {"/etc/dovecot/users": ("alice@example.org", "")}
    assert state.loose_folders == (
        LooseFolder("/var/vmail/a b", "vmail:vmail", "755", 1795570000.5),
    )
    assert parse_live([]).listeners is None
