"""The facts' parsers, on output captured from Debian 12 and 13."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api import FactBase
from pyinfra.api.exceptions import FactProcessError

from facts import (
    configuration,
    dovecot,
    homes,
    machine,
    mailboxes,
    opendkim,
    packages,
    postfix,
    services,
    tls,
)

FIXTURES = Path(__file__).parent / "fixtures/facts"
RELEASES = pytest.mark.parametrize("release", ["12", "13"])


def lines(name: str) -> list[str]:
    return (FIXTURES / name).read_text().splitlines()


@RELEASES
def test_postconf(release: str) -> None:
    parameters = postfix.parse_postconf(lines(f"postfix/postconf-{release}.txt"))
    assert parameters["myhostname"] == "mail.example.test"
    assert parameters["mydestination"] == ""
    assert parameters["compatibility_level"] == {"12": "3.6", "13": "3.9"}[release]
    assert parameters["smtp_tls_protocols"] == ">=TLSv1.2"


@RELEASES
def test_postconf_master(release: str) -> None:
    services = postfix.parse_master(lines(f"postfix/postconf_master-{release}.txt"))
    submission = services["submission/inet"]
    assert (submission["command"], submission["process_limit"]) == ("smtpd", "20")
    assert submission["options"]["smtpd_sasl_auth_enable"] == "yes"
    assert submission["options"]["smtpd_client_restrictions"] == ""
    assert (
        submission["options"].get("smtpd_hide_client_session") == {"12": None, "13": "yes"}[release]
    )
    assert services["qmgr/unix"] == {
        "private": "n",
        "unprivileged": "-",
        "chroot": "n",
        "wakeup": "300",
        "process_limit": "1",
        "command": "qmgr",
        "options": {},
    }


@RELEASES
def test_queue(release: str) -> None:
    queues = postfix.parse_queue(lines(f"postfix/queue-{release}.txt"))
    assert queues["deferred"] == {"count": 2, "oldest_age": 2}
    assert queues["hold"] == {"count": 1, "oldest_age": 2}
    assert queues["active"] == {"count": 0, "oldest_age": 0}


@RELEASES
def test_doveconf(release: str) -> None:
    settings = dovecot.parse_doveconf(lines(f"dovecot/doveconf-{release}.txt"))
    assert settings["protocols"] == "imap pop3"
    assert settings["service imap-login"]["inet_listener imaps"]["port"] == "993"
    assert settings["namespace inbox"]["mailbox Sent"]["auto"] == "subscribe"


def test_blocks_of_one_name_are_all_kept() -> None:
    output = ["passdb {", "  driver = a", "}", "passdb {", "  driver = b", "}"]
    assert dovecot.parse_doveconf(output) == {
        "passdb": {"driver": "a"},
        "passdb 2": {"driver": "b"},
    }


@RELEASES
def test_mailbox_status(release: str) -> None:
    users = dovecot.parse_mailbox_status(lines(f"dovecot/mailbox_status-{release}.txt"))
    assert users["alice@example.test"]["INBOX"] == {"messages": 6, "size": 16686}
    assert users["alice@example.test"]["Café news"] == {"messages": 0, "size": 0}
    assert users["carol@second.test"]["INBOX"] == {"messages": 1, "size": 1214}


@RELEASES
def test_who(release: str) -> None:
    assert dovecot.parse_who(lines(f"dovecot/who-{release}.txt")) == {
        "alice@example.test": {"imap": {"connections": 2, "addresses": ["172.17.0.1"]}},
        "carol@second.test": {"pop3": {"connections": 1, "addresses": ["172.17.0.1"]}},
    }


@pytest.mark.parametrize("release", [12, 13])
def test_who_can_log_in_and_who_is(release: int) -> None:
    known = ["carol@second.test", "alice@example.test"]
    fact = dovecot.DoveadmLogins()
    assert fact.process([*known, *lines(f"dovecot/who-{release}.txt")]) == dovecot.Logins(
        ("alice@example.test", "carol@second.test"), ("alice@example.test", "carol@second.test")
    )
    assert fact.process(known).known == ("alice@example.test", "carol@second.test")
    assert fact.process([]) == dovecot.Logins()


def test_signing_keys() -> None:
    public = (
        "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDHikastc8+I81zCg/qWW8dMr8mqvXQ3qbPAmu0RjxoZVI47tvs"
        "kYlFAXOf0sPrhO2nUuooJngnHV0639iTTEYG1vckNaW2R6U5QTdQ5Rq5u+uV3pMk7w7Vs4n3urQ6jnqt2rTXbC1DN"
        "a/PFeAZatbf7ffBBy0IGO0zc128IshYcwIDAQAB"
    )
    keys = opendkim.parse_signing_keys(
        [
            f"opendkim opendkim 600 {public} /etc/dkimkeys/example.org/s2026.private",
            "root root 644 - /etc/dkimkeys/second.org/default.private",
        ]
    )
    assert opendkim.public_keys(keys, "s2026") == {"example.org": public}
    assert opendkim.public_keys(keys, "default") == {}  # no private key is in that file
    key = keys["example.org"]["s2026"]
    assert (key["owner"], key["mode"], key["bits"], key["public_key"]) == (
        "opendkim",
        "600",
        1024,
        public,
    )
    assert keys["second.org"]["default"]["public_key"] is None


@pytest.mark.parametrize(
    ("parse", "output"),
    [
        (postfix.parse_postconf, ["nonsense"]),
        (postfix.parse_master, ["nonsense"]),
        (postfix.parse_master, ["a/inet/b = c"]),
        (postfix.parse_queue, ["1", "nonsense"]),
        (postfix.parse_queue, ["1", "{}"]),
        (dovecot.parse_doveconf, ["nonsense"]),
        (dovecot.parse_doveconf, ["a {"]),
        (dovecot.parse_doveconf, ["}"]),
        (dovecot.parse_mailbox_status, ["nonsense"]),
        (dovecot.parse_who, ["header", "nonsense"]),
        (opendkim.parse_signing_keys, ["nonsense"]),
        (configuration.parse_file_states, ["nonsense"]),
        (mailboxes.parse_mailbox_folders, ["nonsense"]),
        (partial(services.parse_services, watched=[]), ["nonsense"]),
        (machine.parse_machine, ["nonsense"]),
    ],
)
def test_unexpected_output_is_an_error(parse: Any, output: list[str]) -> None:
    with pytest.raises(FactProcessError):
        parse(output)


@pytest.mark.parametrize(
    ("fact", "empty"),
    [
        (postfix.Postconf, {}),
        (postfix.PostconfMaster, {}),
        (postfix.Queue, {}),
        (dovecot.Doveconf, {}),
        (dovecot.DoveadmLogins, dovecot.Logins()),
        (dovecot.DoveadmUsers, []),
        (dovecot.DoveadmMailboxStatus, {}),
        (dovecot.DoveadmWho, {}),
        (opendkim.SigningKeys, {}),
        (services.Services, {}),
        (configuration.ManagedFiles, {}),
        (homes.HomeMaildirs, []),
        (homes.ImportReport, []),
        (packages.Packages, packages.PackageStates(frozenset(), False)),
        (mailboxes.Mailboxes, mailboxes.MailboxFolders()),
        (tls.Certificate, None),
    ],
)
def test_the_empty_default(fact: type[FactBase[Any]], empty: object) -> None:
    assert fact().default() == empty
