"""wanted/addresses.py and the lookup tables: who receives, and who sends as whom."""

from __future__ import annotations

from services import postfix
from tests.inventory import HASH, settings
from wanted import addresses

SHA512 = {"password_hash": HASH}


def resolved(aliases: dict[str, list[str]], address: str) -> set[str]:
    targets = aliases.get(address)
    if targets is None:
        return {address}
    return set().union(*(resolved(aliases, target) for target in targets))


def test_rfc_2142_names_of_every_domain_lead_to_the_first_user() -> None:
    aliases = addresses.aliases(settings())
    for domain in ("example.org", "second.org"):
        for name in addresses.RFC_2142_NAMES:
            if f"{name}@{domain}" != "sales@example.org":
                assert resolved(aliases, f"{name}@{domain}") == {"alice@example.org"}


def test_they_lead_to_root_where_root_is_an_alias() -> None:
    aliases = addresses.aliases(settings(mail_aliases={"root": ["bob"]}))
    assert resolved(aliases, "abuse@second.org") == {"bob@example.org"}


def test_explicit_ones_win() -> None:
    host_settings = settings(
        mail_users={"alice": SHA512, "root": SHA512}, mail_aliases={"abuse": ["x@elsewhere.net"]}
    )
    aliases = addresses.aliases(host_settings)
    assert "root@example.org" not in aliases
    assert resolved(aliases, "abuse@example.org") == {"x@elsewhere.net"}
    assert resolved(aliases, "postmaster@example.org") == {"root@example.org"}


def test_without_users_postmasters_mail_is_kept() -> None:
    host_settings = settings(mail_users={}, mail_aliases={})
    assert addresses.mailboxes(host_settings) == ["postmaster@example.org"]
    aliases = addresses.aliases(host_settings)
    assert resolved(aliases, "root@second.org") == {"postmaster@example.org"}
    assert postfix.virtual_mailboxes(host_settings) == [
        ("postmaster@example.org", "example.org/postmaster/Maildir/")
    ]


def test_an_address_is_sent_from_by_whom_it_reaches() -> None:
    host_settings = settings(
        mail_aliases={
            "root": ["bob"],
            "sales": ["alice", "friend@elsewhere.net"],
            "all@second.org": ["sales", "carol@second.org"],
            "bob": ["bob", "alice"],
            "away": ["friend@elsewhere.net"],
        }
    )
    logins = addresses.sender_logins(host_settings)
    assert logins["alice@example.org"] == ["alice@example.org"]
    assert logins["sales@example.org"] == ["alice@example.org"]
    assert logins["all@second.org"] == ["alice@example.org", "carol@second.org"]
    assert logins["bob@example.org"] == ["alice@example.org", "bob@example.org"]
    assert logins["abuse@second.org"] == ["alice@example.org", "bob@example.org"]
    assert "away@example.org" not in logins


def test_the_probe_sends_as_itself_and_receives_nothing() -> None:
    host_settings = settings()
    sender = "mailhost-probe@example.org"
    assert dict(postfix.sender_logins(host_settings))[sender] == sender
    assert sender not in dict(postfix.virtual_mailboxes(host_settings))
    assert sender not in dict(postfix.virtual_aliases(host_settings))


def test_the_machines_own_names_lead_to_the_primary_domain() -> None:
    rows = dict(postfix.virtual_aliases(settings()))
    assert rows["root@localhost"] == "root@example.org"
    assert rows["postmaster@mail.example.org"] == "postmaster@example.org"


def test_the_smarthost_is_asked_without_mx() -> None:
    assert postfix.relayhost("smtp.example.net:587") == "[smtp.example.net]:587"
    assert postfix.relayhost("[2001:db8::1]:25") == "[2001:db8::1]:25"
    assert postfix.relayhost(None) is None
