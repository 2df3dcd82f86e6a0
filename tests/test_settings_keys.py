"""settings/ and preflight.py: every error is one line with key and remedy."""

from __future__ import annotations

from typing import Any

import pytest

from tests.inventory import SHA512, problems, settings

LONG_DOMAIN = f"{'a' * 57}.{'b' * 57}.{'c' * 57}.{'d' * 57}.org"


def test_a_plain_host_has_no_problem_and_defaults() -> None:
    assert problems() == []
    host_settings = settings()
    assert host_settings.mail_message_size_limit == 52428800
    assert host_settings.mail_tls.mode == "self-signed"
    assert host_settings.names == ["mail.example.org"]
    assert list(host_settings.users) == ["alice@example.org", "bob@example.org", "carol@second.org"]


def test_keys_without_our_prefix_are_not_ours() -> None:
    assert problems(ssh_user="admin", _sudo=True, mailer="x") == []


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"mail_user": {}}, "mail_user: there is no such key; did you mean mail_users?"),
        ({"mail_hostname": None}, "mail_hostname: is missing; write one like 'mail.example.org'"),
        (
            {"mail_domains": None},
            "mail_domains: is missing; write one like ['example.org', 'second.org']",
        ),
        (
            {"mail_hostname": "mail"},
            "mail_hostname: 'mail' is no fully qualified domain name; write one like example.org",
        ),
        (
            {"mail_domains": ["example.org", "second.org", "bücher.example"]},
            "mail_domains.2: 'bücher.example' is not ASCII; write xn--bcher-kva.example",
        ),
        (
            {"mail_domains": ["example.org", "second.org", "Example.org"]},
            "mail_domains: example.org is listed twice; list it once",
        ),
        (
            {"mail_hostname": "example.org"},
            "mail_hostname: example.org is a mail domain as well; give the host a name of its own, "
            "like mail.example.org",
        ),
        (
            {"mail_ipv4": "192.0.2"},
            "mail_ipv4: is not a valid IPv4 address; write it like '192.0.2.25'",
        ),
        (
            {"mail_spf_all": "+all"},
            "mail_spf_all: should be '~all', '-all' or '?all'; write it like '-all'",
        ),
        (
            {"mail_dkim_bits": 1024},
            "mail_dkim_bits: should be greater than or equal to 2048; write it like 2048",
        ),
        (
            {"mail_dkim_selector": "a b"},
            "mail_dkim_selector: 'a b' is no DKIM selector; write lower-case letters and digits",
        ),
        (
            {"mail_aliases": {"Mailhost-Probe": ["alice"]}},
            "mail_aliases.Mailhost-Probe: is the sender of 'make score'; choose another name",
        ),
        (
            {"mail_relayhost": "smtp.example.net"},
            "mail_relayhost: 'smtp.example.net' names no port; write host:port, "
            "like smtp.example.net:587",
        ),
        (
            {"mail_client_names": ["imap.example.org"]},
            "mail_client_names.0: 'imap.example.org' is no single label; write one like imap",
        ),
        ({"mail_tls": {"certs": "x"}}, "mail_tls.certs: there is no such key; did you mean cert?"),
        ({"mail_tls": {"cert": "x"}}, "mail_tls: cert and key are for files; add 'mode': 'files'"),
        (
            {"mail_null_domains": ["example.net", "second.org"]},
            "mail_null_domains: second.org is in mail_domains as well; take it out of one of the "
            "two",
        ),
        (
            {"mail_null_domains": ["mail.example.org"]},
            "mail_null_domains: mail.example.org is a name of the host; leave it out, its own "
            "records say what may come from it",
        ),
        (
            {"mail_null_domains": ["mx.example.org"], "mail_client_names": ["mx"]},
            "mail_null_domains: mx.example.org is a name of the host; leave it out, its own "
            "records say what may come from it",
        ),
        (
            {"mail_domains": ["example.org", "second.org", LONG_DOMAIN]},
            f"mail_domains: default._domainkey.{LONG_DOMAIN} has 254 characters, and DNS takes "
            "253; use a shorter domain or DKIM selector",
        ),
        (
            {"mail_relayhost_credentials": "/dev/null"},
            "mail_relayhost_credentials: there is no mail_relayhost; name the smarthost",
        ),
    ],
)
def test_a_wrong_key(changes: dict[str, Any], line: str) -> None:
    assert line in problems(**changes)


def test_all_problems_are_said_at_once_and_none_that_is_not() -> None:
    found = problems(
        mail_users={"alice": {"password_hash": "plain"}, "bob": SHA512},
        mail_aliases={"x": ["alice"], "loop": ["loop"], "void": ["nobody"]},
        mail_ipv4="?",
        mail_relayhost="?",
        mail_relayhost_credentials="/nonexistent",
    )
    assert [line.partition(":")[0] for line in found] == [
        "mail_ipv4",
        "mail_users.alice.password_hash",
        "mail_relayhost",
        "mail_relayhost_credentials",
        "mail_aliases.void",
        "mail_aliases",
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"mail_users": {3: SHA512}},
        {"mail_users": []},
        {"mail_aliases": {None: ["alice"]}},
        {"mail_aliases": {"x": [1, None]}},
        {"mail_tls": 5},
        {"mail_tls": {None: 1}},
        {"mail_tls": {"mode": "files", 3: 1}},
        {"mail_tls": {"mode": ["files"], "cert": 4}},
        {"mail_domains": "example.org"},
        {"mail_domains": []},
        {"mail_domains": [None]},
        {"mail_hostname": 5},
        {"mail_relayhost": [], "mail_relayhost_credentials": {}},
    ],
)
def test_nonsense_is_an_error_in_words(changes: dict[str, Any]) -> None:
    found = problems(**changes)
    assert found
    assert all("; " in line and "\n" not in line for line in found)


# Values that were once accepted: the host, a service or DNS then refused or misread them.
@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"mail_hostname": "unknown.invalid"}, "mail_domains: unknown.invalid is nobody's"),
        ({"mail_hostname": f"{'a' * 60}.example.org"}, "mail_hostname: has 72 characters, Linux"),
        (
            {"mail_hostname": "localhost.example.org"},
            "mail_hostname: localhost.example.org ",
        ),
        ({"mail_domains": ["example.org", "second.org", "forward.invalid"]}, "mail_domains.2: "),
        (
            {"mail_domains": ["example.org", "second.org", "1.2.3.4"]},
            "mail_domains.2: '1.2.",
        ),
        ({"mail_domains": ["example.org", "second.org", "\u212a.org"]}, "mail_domains.2: "),
        ({"mail_domains": {"example.org", "second.org"}}, "mail_domains: is a set, which has no"),
        ({"mail_ipv4": True}, "mail_ipv4: is no text; write an address in quotes"),
        ({"mail_ipv6": "fe80::1%eth0"}, "mail_ipv6: 'fe80::1%eth0' names an interface"),
        ({"mail_check_resolver": "x"}, "mail_check_resolver: 'x' is no IP address; write it like"),
        ({"mail_client_names": ["mx", "mx"]}, "mail_client_names: mx is listed twice"),
        ({"mail_swap_size": 1000}, "mail_swap_size: 1000 bytes are too few for swap"),
        ({"mail_open_ports": ["http"]}, "mail_open_ports.0: 'http' is no port; write one like 443"),
        ({"mail_relayhost": "x.org:\u0662\u0665"}, "mail_relayhost: 'x.org:"),
        ({"mail_relayhost": "999.1:25"}, "mail_relayhost: '999.1' is no IP address; write it"),
        (
            {"mail_aliases": {"a": ["|x@remote.test"]}},
            "mail_aliases.a: '|x@remote.test' is no",
        ),
        ({"mail_aliases": {"a": [f"{'a' * 65}@remote.test"]}}, "mail_aliases.a: '"),
        (
            {"mail_aliases": {"a\u212a": ["alice"]}},
            "mail_aliases.a\u212a: 'a\u212a' is no name for",
        ),
    ],
)
def test_values_that_only_looked_right(changes: dict[str, Any], line: str) -> None:
    (problem,) = problems(**changes)
    assert problem.startswith(line)


def test_the_port_of_a_smarthost_has_one_form() -> None:
    assert settings(mail_relayhost="[Smtp.Example.net]:0465").mail_relayhost == (
        "smtp.example.net:465"
    )
    assert settings(mail_relayhost="[2001:DB8::25]:25").mail_relayhost == "2001:db8::25:25"


def test_a_name_of_the_host_is_listed_once() -> None:
    assert settings(mail_client_names=["mail", "imap"]).names == [
        "mail.example.org",
        "imap.example.org",
    ]
