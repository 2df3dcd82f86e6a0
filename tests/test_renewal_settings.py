"""services/renewal.py: contradictions in mail_tls, and what settings make of port 80."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from facts.firewall import RULES
from facts.machine import MachineState
from preflight import settings_and_problems
from services import renewal
from tests.authority import ACME, FILES, with_tls
from tests.inventory import data
from tests.plan import packages, texts


@pytest.mark.parametrize(
    ("tls", "line"),
    [
        (
            {"reuse_key": True},
            "mail_tls.reuse_key: is for an authority; add 'mode': 'acme', or leave it out",
        ),
        (
            {**FILES, "email": "admin@example.org"},
            "mail_tls.email: is for an authority; add 'mode': 'acme', or leave it out",
        ),
        ({**ACME, "cert": "x"}, "mail_tls: cert and key are for files; add 'mode': 'files'"),
        ({"mode": "host-files"}, "mail_tls.key: is missing; 'host-files' needs both cert and key"),
        (
            {**FILES, "cert": "~/chain.pem"},
            "mail_tls.cert: '~/chain.pem' is no path on the host; write one that begins with /",
        ),
        (
            {**ACME, "directory_url": "http://acme.test/"},
            "mail_tls.directory_url: 'http://acme.test/' is no https:// address; write the "
            "authority's directory",
        ),
        (
            {**ACME, "email": 'a"b@example.org'},
            "mail_tls.email: 'a\"b@example.org' is no mail address; write one like "
            "admin@example.org",
        ),
        (
            {**ACME, "dns_server": "-k /etc/shadow"},
            "mail_tls.dns_server: '-k /etc/shadow' is no name server; write one like "
            "ns1.example.net",
        ),
        (
            {**ACME, "dns_server": "ns.example.net"},
            "mail_tls.dns_key: is missing; dns_server needs it",
        ),
        (
            {**ACME, "eab_kid": "kid-1"},
            "mail_tls.eab_key: is missing; eab_kid needs it",
        ),
        (
            {**ACME, "hook": "/etc/hostname"},
            "mail_tls.hook: is no program that begins with #!; name a file that is one",
        ),
        (
            {**ACME, "dns_server": "ns.example.net", "dns_key": "/etc/hostname"},
            "mail_tls.dns_key: is no TSIG key as `tsig-keygen` prints it; name a file that is one",
        ),
        (
            {**ACME, "dns_server": "ns.example.net", "hook": "/etc/hostname"},
            "mail_tls.hook: dns_server answers the authority already; keep one of the two",
        ),
    ],
)
def test_a_contradiction(tls: dict[str, Any], line: str) -> None:
    assert line in settings_and_problems(data(mail_tls=tls))[1]


def test_caa_may_not_forbid_the_default_authority() -> None:
    inventory = data(mail_tls={"mode": "acme"}, mail_caa_issuers=["sectigo.com"])
    assert settings_and_problems(inventory)[1] == [
        "mail_caa_issuers: forbids Let's Encrypt, where mail_tls gets its certificate; add "
        "'letsencrypt.org', or name another directory_url"
    ]
    inventory["mail_tls"] = ACME
    assert settings_and_problems(inventory)[1] == []


def test_a_web_server_on_port_80_is_named() -> None:
    machine = MachineState(reachable={"80/tcp": "nginx"})
    (line,) = renewal.obstacles(with_tls(**ACME), machine)
    assert line == (
        "mail_tls: an authority asks on port 80, which nginx listens on; stop that, or set "
        "dns_server, or a hook that answers by it"
    )
    assert renewal.obstacles(with_tls(**ACME, hook="/x"), machine) == []
    assert renewal.obstacles(with_tls(), machine) == []


def test_only_what_answers_on_port_80_opens_it(tmp_path: Path) -> None:
    opened = "tcp dport @challenge accept"
    assert opened in (texts(with_tls(**ACME))[RULES] or "")
    hook = tmp_path / "hook"
    hook.write_text("#!/bin/sh\n")
    for other in (FILES, {"mode": "self-signed"}, {**ACME, "hook": str(hook)}):
        assert opened not in (texts(with_tls(**other))[RULES] or "")
    assert "uacme" in packages(with_tls(**ACME))
    assert "uacme" not in packages(with_tls(**FILES))
