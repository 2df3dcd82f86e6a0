"""mail_tls: error lines, and what each certificate says of itself."""

from __future__ import annotations

from typing import Any

import pytest

from tests.inventory import problems, settings


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
