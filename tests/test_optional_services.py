"""services/opendmarc.py and services/postsrsd.py: which settings want which parts."""

from __future__ import annotations

import re

import pytest

from facts.services import ServiceState
from operations.activation import activation
from services import postfix, postsrsd
from services.configuration import watched
from services.opendmarc import OPENDMARC
from services.postsrsd import POSTSRSD
from settings.models import Settings
from tests.inventory import settings
from tests.plan import packages, texts, wanted

UNWANTED = watched([OPENDMARC, POSTSRSD])
REMOTE = {"sales": ["alice", "friend@elsewhere.net"], "x": ["a=b+c@elsewhere.net"]}


def postfix_file(settings: Settings, name: str) -> str | None:
    return next(text for path, text in texts(settings).items() if path.endswith(f"/{name}"))


@pytest.mark.parametrize(
    ("mode", "milters"),
    [
        ("off", "unix:opendkim/opendkim.sock"),
        (
            "mark",
            "unix:opendkim/opendkim.sock, { unix:opendmarc/opendmarc.sock, default_action=accept }",
        ),
        ("enforce", "unix:opendkim/opendkim.sock, unix:opendmarc/opendmarc.sock"),
    ],
)
def test_the_milters_of_port_25(mode: str, milters: str) -> None:
    main = postfix_file(settings(mail_dmarc_inbound=mode), "main.cf") or ""
    assert re.search(r"^inbound_milters = (.*)$", main, re.MULTILINE)[1] == milters  # type: ignore[index]


@pytest.mark.parametrize(("mode", "refuses"), [("mark", "false"), ("enforce", "true")])
def test_mail_is_refused_where_that_is_enforced(mode: str, refuses: str) -> None:
    main = texts(settings(mail_dmarc_inbound=mode))["/etc/opendmarc.conf"] or ""
    assert re.findall(r"^RejectFailures +(\w+)$", main, re.MULTILINE) == [refuses]


def test_nothing_is_installed_or_run_for_what_is_not_wanted() -> None:
    host_settings = settings(mail_dmarc_inbound="off")
    assert not {"opendmarc", "postsrsd"} & set(packages(host_settings))
    services = wanted(host_settings)
    assert not services["opendmarc"].enabled
    assert not services["postsrsd"].enabled
    assert postfix_file(host_settings, "forwards") is None
    for name in ("main.cf", "master.cf"):
        assert "forward.invalid" not in (postfix_file(host_settings, name) or "")


def test_only_what_leads_to_other_hosts_takes_the_second_pass() -> None:
    host_settings = settings(mail_aliases=REMOTE)
    rows = dict(postfix.virtual_aliases(host_settings))
    assert rows["sales@example.org"] == "alice@example.org, friend=elsewhere.net@forward.invalid"
    assert rows["abuse@example.org"] == "postmaster@example.org"
    assert "postsrsd" in packages(host_settings)
    assert "127.0.0.1:10026" in (postfix_file(host_settings, "master.cf") or "")


def test_the_machines_own_names_are_no_other_host() -> None:
    sites = ("mail.example.org", "localhost", "localhost.example.org")
    host_settings = settings(mail_aliases={"cron": [f"root@{site}" for site in sites]})
    rows = dict(postfix.virtual_aliases(host_settings))
    assert rows["cron@example.org"] == ", ".join(f"root@{site}" for site in sites)
    assert {rows[f"root@{site}"] for site in sites} == {"root@example.org"}
    assert not postsrsd.enabled(host_settings)


def test_the_second_pass_finds_each_recipient_again() -> None:
    table = postfix_file(settings(mail_aliases=REMOTE), "forwards") or ""
    (pattern, replacement) = re.findall(r"^/(.+)/ (\S+)$", table, re.MULTILINE)[0]
    for address in ("friend@elsewhere.net", "a=b+c@elsewhere.net"):
        between = postfix._next_hop(settings(), address)
        assert re.sub(pattern, replacement.replace("$", "\\"), between) == address


def test_our_own_senders_stay_as_they_are() -> None:
    lines = (texts(settings(mail_aliases=REMOTE))["/etc/default/postsrsd"] or "").splitlines()
    assert "SRS_DOMAIN=example.org" in lines
    assert "SRS_EXCLUDE_DOMAINS=second.org" in lines


@pytest.mark.parametrize(("enabled", "active"), [(True, True), (False, True), (True, False)])
def test_a_service_that_is_unwanted_is_stopped_for_good(enabled: bool, active: bool) -> None:
    left = {"opendmarc": ServiceState("opendmarc.service", enabled, active, 1, "")}
    assert activation(left, [], UNWANTED) == [("disable", "opendmarc", "opendmarc.service")]


def test_a_service_that_is_stopped_already_is_left_alone() -> None:
    left = {"opendmarc": ServiceState("opendmarc.service", False, False, 0, "start")}
    assert activation(left, [], UNWANTED) == []
