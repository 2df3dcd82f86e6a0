"""settings/ and the checks between keys: every error is one line with key and remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from preflight import settings_and_problems, warnings
from settings.local_files import read_login
from tests.inventory import HASH, data, settings
from wanted.addresses import sender_logins

SHA512 = {"password_hash": HASH}
LONG_DOMAIN = f"{'a' * 57}.{'b' * 57}.{'c' * 57}.{'d' * 57}.org"


def problems(**changes: Any) -> list[str]:
    return settings_and_problems(data(**changes))[1]


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


@pytest.mark.parametrize(
    ("users", "line"),
    [
        (
            {"Alice": SHA512, "alice": SHA512},
            "mail_users.alice: is alice@example.org, and so is 'Alice'; keep one of them",
        ),
        (
            {"alice": SHA512, "alice@example.org": SHA512},
            "mail_users.alice@example.org: is alice@example.org, and so is 'alice'; "
            "keep one of them",
        ),
        (
            {"dan@third.org": SHA512},
            "mail_users.dan@third.org: third.org is not in mail_domains; add it there, "
            "or use one that is",
        ),
        (
            {"../etc": SHA512},
            "mail_users.../etc: '../etc' is no name for a mailbox; use letters, digits, '.', '_' "
            "and '-', with a letter or digit at both ends",
        ),
        (
            {"dan+tag": SHA512},
            "mail_users.dan+tag: 'dan+tag' has a '+', which separates a name from its tag; "
            "leave it out",
        ),
        (
            {"dan": {}},
            "mail_users.dan.password_hash: is missing; run 'make password' and paste the hash that "
            "it prints",
        ),
        (
            {"dan": {"state": "gone"}},
            "mail_users.dan.state: should be 'present' or 'absent'; write it like 'absent'",
        ),
        (
            {"dan": "x"},
            "mail_users.dan: should be a valid dict; write it like {'password_hash': '$6$…'}",
        ),
    ],
)
def test_a_wrong_user(users: dict[str, Any], line: str) -> None:
    assert line in problems(mail_users=users, mail_aliases={})


@pytest.mark.parametrize(
    ("digest", "what"),
    [
        ("hunter2-secret", "looks like a plain-text password"),
        ("{SHA512-CRYPT}$6$secret", "begins with a scheme in braces"),
        ("$argon2id$v=19$secret", "is argon2, which needs 79 MB for one check"),
        ("$1$secret$secret", "is of a scheme that is broken"),
        ("$7$secret", "is neither $6$, $y$, $2b$ nor $5$"),
        ("$6$secret$tooshort", "is not a whole hash of its scheme"),
        ("$6$a:b$" + "x" * 86, "is not a whole hash of its scheme"),
        (f"{HASH}\nroot:secret", "is not a whole hash of its scheme"),
    ],
)
def test_a_wrong_hash_is_named_and_never_shown(digest: str, what: str) -> None:
    (line,) = problems(mail_users={"dan": {"password_hash": digest}}, mail_aliases={})
    assert line.startswith(f"mail_users.dan.password_hash: {what}; ")
    assert "secret" not in line


@pytest.mark.parametrize(
    "digest",
    [
        HASH,
        "$6$rounds=10000$salt$" + "x" * 86,
        "$5$salt$" + "x" * 43,
        "$y$j9T$saltsaltsaltsaltsaltsa$" + "x" * 43,
        "$2b$10$" + "x" * 53,
    ],
)
def test_hashes_that_libcrypt_verifies(digest: str) -> None:
    assert problems(mail_users={"dan": {"password_hash": digest}}, mail_aliases={}) == []


@pytest.mark.parametrize(
    ("aliases", "line"),
    [
        (
            {"x": ["nobody"]},
            "mail_aliases.x: nobody@example.org is no user and no alias; add it, "
            "or correct the target",
        ),
        ({"x": []}, "mail_aliases.x: leads nowhere; list at least one target"),
        ({"x": "alice"}, "mail_aliases.x: should be a valid list; write it like ['alice', 'bob']"),
        (
            {"x": ["a b@x.org"]},
            "mail_aliases.x: 'a b@x.org' is no address; write user@domain or the name of a user",
        ),
        (
            {"x@third.org": ["alice"]},
            "mail_aliases.x@third.org: third.org is not in mail_domains; add it there, "
            "or use one that is",
        ),
        (
            {"bob": ["alice"]},
            "mail_aliases.bob: hides the user bob@example.org; list bob@example.org among "
            "its targets, or rename one",
        ),
        (
            {"x": ["y"], "y": ["x"]},
            "mail_aliases: x@example.org -> y@example.org -> x@example.org is a loop; "
            "remove a step",
        ),
        ({"x": ["x"]}, "mail_aliases: x@example.org -> x@example.org is a loop; remove a step"),
        (
            {"x": ["alice"], "X": ["bob"]},
            "mail_aliases.X: is x@example.org, and so is 'x'; keep one of them",
        ),
    ],
)
def test_a_wrong_alias(aliases: dict[str, Any], line: str) -> None:
    assert problems(mail_aliases=aliases) == [line]


@pytest.mark.parametrize(
    "aliases",
    [
        {"alice": ["alice", "bob"]},
        {"x": ["alice+tag"]},
        {"x": ["postmaster"], "root": ["x@second.org"], "x@second.org": ["alice"]},
        {"x": ["friend@elsewhere.net"]},
    ],
)
def test_right_aliases(aliases: dict[str, Any]) -> None:
    assert problems(mail_aliases=aliases) == []


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


@pytest.mark.parametrize(
    ("tls", "lines"),
    [
        (5, ["mail_tls: should be a valid dict; write it like {'mode': 'acme', 'email':"]),
        (
            {"mode": "acem", "email": "x"},
            [
                "mail_tls.mode: should be 'self-signed', 'files', 'host-files' or 'acme'; "
                "write it like 'acme'"
            ],
        ),
        (
            {"mode": "acem", "cert": 4, "kee": "x"},
            [
                "mail_tls.mode: should be 'self-signed', 'files', 'host-files' or 'acme'; ",
                "mail_tls.kee: there is no such key; did you mean key?",
            ],
        ),
        (
            {"mode": "acme", "dns_key": b"/none"},
            [
                "mail_tls.dns_server: is missing; dns_key needs it",
                "mail_tls.dns_key: '/none' can't be read",
            ],
        ),
        (
            {"mode": "files", "cert": 4, "email": "x", "kee": "x"},
            [
                "mail_tls.cert: should be a valid string; write it like '~/certs/",
                "mail_tls.key: is missing; 'files' needs both cert and key",
                "mail_tls.email: is for an authority; add 'mode': 'acme', or leave it out",
                "mail_tls.kee: there is no such key; did you mean key?",
            ],
        ),
        (
            {"mode": "acme", "cert": "x", "key": "x", "dns_server": "-k", "dns_key": "/none"},
            [
                "mail_tls.dns_server: '-k' is no name server; write one like ns1.example.net",
                "mail_tls: cert and key are for files; add 'mode': 'files'",
                "mail_tls.dns_key: '/none' can't be read",
            ],
        ),
        (
            {"mode": "acme", "email": "x", "dns_server": "ns.test", "hook": "/none", "eab_key": ""},
            [
                "mail_tls.email: 'x' is no mail address; write one like admin@example.org",
                "mail_tls.hook: dns_server answers the authority already; keep one of the two",
                "mail_tls.dns_key: is missing; dns_server needs it",
                "mail_tls.hook: '/none' can't be read",
            ],
        ),
        ({"mode": "acme", "cert": None, "key": ""}, []),
    ],
)
def test_all_of_a_certificate_is_said_at_once_and_nothing_that_is_not(
    tls: Any, lines: list[str]
) -> None:
    found = problems(mail_tls=tls, mail_mta_sts="enforce")
    assert len(found) == len(lines)
    for problem, line in zip(found, lines, strict=True):
        assert problem.startswith(line)


@pytest.mark.parametrize(
    ("tls", "true"),
    [
        ({}, {"starts_self_signed", "key_stays"}),
        ({"mode": "files", "cert": "c", "key": "k"}, {"trusted_by_others"}),
        (
            {"mode": "host-files", "cert": "/c", "key": "/k"},
            {"starts_self_signed", "trusted_by_others", "renewed_by_host", "follows_files"},
        ),
        (
            {"mode": "acme", "reuse_key": True},
            {"starts_self_signed", "trusted_by_others", "renewed_by_host", "key_stays"},
        ),
    ],
)
def test_what_each_certificate_says_of_itself(tls: dict[str, Any], true: set[str]) -> None:
    found = settings(mail_tls=tls).mail_tls
    asked = ("starts_self_signed", "trusted_by_others", "renewed_by_host", "follows_files")
    assert {name for name in (*asked, "key_stays") if getattr(found, name)} == true


def test_what_answers_an_authority() -> None:
    by = {"http": {}, "hook": {"hook": "h"}, "dns": {"dns_server": "ns.test", "dns_key": "k"}}
    for answer, keys in by.items():
        assert settings(mail_tls={"mode": "acme", **keys}).mail_tls.answered_by == answer
    assert settings().mail_tls.answered_by == ""


def test_credentials_are_one_line(tmp_path: Path) -> None:
    file = tmp_path / "login"
    file.write_text("user:pass:word\n")
    assert read_login(str(file)) == "user:pass:word"
    file.write_text("secret\n")
    (line,) = problems(mail_relayhost="smtp.example.net:587", mail_relayhost_credentials=str(file))
    assert line == "mail_relayhost_credentials: is not one line user:password; write it so"


def test_a_slow_hash_is_a_warning() -> None:
    users = {"alice": {"password_hash": "$2b$12$" + "x" * 53}}
    assert warnings(settings(mail_users=users, mail_aliases={})) == [
        "mail_users.alice@example.org.password_hash: bcrypt of this cost takes 200 ms or more a "
        "login; $y$ takes 19"
    ]


def test_a_removed_user_needs_no_hash() -> None:
    host_settings = settings(
        mail_users={"alice": SHA512, "bob": {"state": "absent", "mail": "purge"}}, mail_aliases={}
    )
    assert host_settings.removed_users == {"bob@example.org": "purge"}
    assert list(host_settings.users) == ["alice@example.org"]


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


def test_thousands_of_aliases_in_a_row_and_across() -> None:
    """One after another they make a deep recursion; with three targets each, 3**60 paths."""
    row = {f"a{at}": [f"a{at + 1}"] for at in range(3000)} | {"a3000": ["alice"]}
    assert problems(mail_aliases=row) == []
    across = {f"b{at}": [f"b{to}" for to in range(at + 1, at + 4)] for at in range(60)}
    across |= {f"b{at}": ["alice"] for at in (60, 61, 62)}
    assert sender_logins(settings(mail_aliases=across))["b0@example.org"] == ["alice@example.org"]
    (loop,) = problems(mail_aliases={**row, "a3000": ["a0"]})
    assert loop.endswith("a3000@example.org -> a0@example.org is a loop; remove a step")


@pytest.mark.parametrize("path", ["/dev/zero", "x\0y", "~no-such-user/x", "."])
def test_what_is_no_file_is_said_and_not_read(path: str) -> None:
    with pytest.raises(ValueError, match="can't be read"):
        read_login(path)
