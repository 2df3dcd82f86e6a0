"""
`make check` on two hosts: each thing that is broken is named, and nothing else.

Something is broken on each host at a time, so that one run proves two breakages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import pytest

from acceptance.support.checks import CheckRun, run_check
from acceptance.support.mailhost import MailHost
from acceptance.support.pair import Pair
from acceptance.support.tls import certificate_in_place
from testbed.command_line import data_arguments

#: An update may wait on any day, and none of the tests is about it.
NOT_OURS = {"host.updates"}

#: What breaks one host: puts it back when it ends.
Breakage = Callable[[Pair, MailHost], AbstractContextManager[None]]


def checked(pair: Pair, **data: Any) -> CheckRun:
    """Run the check of both hosts, as a user does."""
    command = pair.alpha.command(
        "tasks/check.py", "-y", *data_arguments(data), inventory=pair.inventory
    )
    return run_check(command, pair.authority.path)


def failed(run: CheckRun, host: MailHost) -> set[str]:
    """Return the ids of what failed on one of the hosts."""
    (report,) = (report for report in run.reports if report["host"] == host.hostname)
    found = {each["id"] for each in report["findings"] if each["status"] == "failed"}
    return found - NOT_OURS


def test_two_healthy_hosts_are_all_green(pair: Pair) -> None:
    run = checked(pair)
    assert run.code == 0, run.output
    for report in run.reports:
        wrong = [each for each in report["findings"] if each["status"] != "ok"]
        assert {each["id"] for each in wrong} <= NOT_OURS | {"host.postfix_support"}, wrong


def zone(change: Callable[[str, MailHost], str], reverse: bool = False) -> Breakage:
    """A zone of the host that is served with something wrong in it."""

    @contextmanager
    def broken(pair: Pair, host: MailHost) -> Iterator[None]:
        (origin,) = (
            name
            for name in pair.zones
            if (name.endswith(".arpa") if reverse else name == host.domains[0])
        )
        wrong = change(pair.zones[origin], host)
        assert wrong != pair.zones[origin]
        pair.world.load_zone(origin, wrong)
        try:
            yield
        finally:
            pair.world.load_zone(origin, pair.zones[origin])

    return broken


def without(pattern: str) -> Breakage:
    """A zone without the records that match."""
    return zone(lambda text, host: re.sub(rf"(?m)^{pattern}.*\n", "", text))


def replaced(pattern: str, by: str) -> Breakage:
    """A zone with other text where the pattern matches."""
    return zone(lambda text, host: re.sub(pattern, by, text, flags=re.MULTILINE))


def pointer(change: Callable[[str], str]) -> Breakage:
    """The host's line in the reverse zone changed."""

    def changed(text: str, host: MailHost) -> str:
        lines = text.splitlines(True)
        return "".join(
            change(line) if line.endswith(f" PTR {host.hostname}.\n") else line for line in lines
        )

    return zone(changed, reverse=True)


@contextmanager
def listed(pair: Pair, host: MailHost) -> Iterator[None]:
    """The host's address on a blocklist."""
    reverse = ".".join(reversed(host.target.address.split(".")))
    pair.world.load_zone("bl.test", f"{reverse} A 127.0.0.2\n")
    try:
        yield
    finally:
        pair.world.load_zone("bl.test", "")


@contextmanager
def stopped(pair: Pair, host: MailHost) -> Iterator[None]:
    """A service of the host that does not run."""
    host.run("systemctl", "stop", "opendmarc")
    try:
        yield
    finally:
        host.run("systemctl", "start", "opendmarc")


def names(host: MailHost) -> list[str]:
    """Return the names that a host's certificate is for."""
    labels = ("autoconfig", "autodiscover", "mta-sts")
    return [host.hostname, *(f"{label}.{host.domains[0]}" for label in labels)]


def ended(pair: Pair, host: MailHost) -> AbstractContextManager[None]:
    """A certificate that ended."""
    return certificate_in_place(host, pair.authority.issue(names(host), days=-1).pem)


def of_another_name(pair: Pair, host: MailHost) -> AbstractContextManager[None]:
    """A certificate of another name."""
    return certificate_in_place(host, pair.authority.issue(["mail.elsewhere.example"]).pem)


def served_file(label: str, path: str, change: str) -> Breakage:
    """A document that is served with something wrong in it (sed)."""

    @contextmanager
    def broken(pair: Pair, host: MailHost) -> Iterator[None]:
        file = f"/etc/mailhost/web/{label}.{host.domains[0]}/{path}"
        kept = host.run("cat", file)
        host.run("sed", "-i", change, file)
        assert host.run("cat", file) != kept
        try:
            yield
        finally:
            host.run("sh", "-euc", f"cat > {file}", input=kept)

    return broken


MANY = " ".join(f"a:host{number}.world.test" for number in range(11))

#: id -> what breaks it on alpha.example, and on beta.example.
BREAKAGES: list[tuple[tuple[str, Breakage], tuple[str, Breakage]]] = [
    (
        ("dns.dkim", replaced(r"p=MII.{9}", "p=MIIBIjANBgkx")),
        ("dns.ptr", pointer(lambda line: re.sub(r"PTR .*", "PTR vps7.provider.example.", line))),
    ),
    (
        ("dns.ptr", pointer(lambda line: "")),
        ("dns.dkim", without(r"default\._domainkey IN TXT")),
    ),
    (
        ("dns.spf", replaced(r'^(@ IN TXT "v=spf1 .*)$', r'\1\n@ IN TXT "v=spf1 -all"')),
        ("dns.spf", without(r'@ IN TXT "v=spf1')),
    ),
    (
        ("dns.spf_all", replaced("~all", "+all")),
        ("dns.spf_lookups", replaced("v=spf1 mx", f"v=spf1 mx {MANY}")),
    ),
    (
        ("dns.mx", replaced(r"MX 10 mail\.", "MX 10 mx.world.test.;")),
        ("dns.mx_cname", replaced(r"^@ IN MX .*$", "@ IN MX 10 mx\nmx IN CNAME mail")),
    ),
    (
        ("dns.dmarc", without("_dmarc IN TXT")),
        ("dns.dmarc", replaced("p=reject", "p=none")),
    ),
    (
        ("dns.helo_spf", without("mail IN TXT")),
        ("dns.a", replaced(r"^(mail IN A) .*$", r"\1 192.0.2.1")),
    ),
    (
        ("dns.tlsrpt", without(r"_smtp\._tls IN TXT")),
        ("dns.srv", without(r"_imaps\._tcp IN SRV")),
    ),
    (
        ("web.mta_sts", served_file("mta-sts", ".well-known/mta-sts.txt", "s/^mx: mail/mx: old/")),
        ("dns.mta_sts", replaced("v=STSv1; id=.{4}", "v=STSv1; id=0000")),
    ),
    (
        ("dns.web_names", replaced("^autoconfig IN CNAME .*$", "autoconfig IN CNAME www")),
        ("web.autoconfig", served_file("autoconfig", "mail/config-v1.1.xml", "s/>993</>994</")),
    ),
    (("tls.certificate", ended), ("tls.certificate", of_another_name)),
    (("net.blocklist", listed), ("host.units", stopped)),
]


@pytest.mark.parametrize(
    "breakages", BREAKAGES, ids=lambda both: " and ".join(name for name, _ in both)
)
def test_what_is_broken_is_named_and_nothing_else(
    pair: Pair, breakages: tuple[tuple[str, Breakage], tuple[str, Breakage]]
) -> None:
    with ExitStack() as broken:
        for host, (_, breakage) in zip(pair.hosts, breakages, strict=True):
            broken.enter_context(breakage(pair, host))
        run = checked(pair)
    for host, (name, _) in zip(pair.hosts, breakages, strict=True):
        assert failed(run, host) == {name}


def test_a_provider_that_lets_no_mail_out_is_named(pair: Pair) -> None:
    run = checked(pair, mail_check_outbound=f"{pair.world.address}:26")
    assert [failed(run, host) for host in pair.hosts] == [{"net.outbound"}] * 2
    assert run.code == 1
