"""All checks of the current host, at the same time: reads its facts, asks the world, judges."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime

from pyinfra import host
from pyinfra.api import DeployError

from facts.health import Health, HealthState
from facts.opendkim import SigningKeys
from facts.services import Services
from settings import Settings
from tasks.checks import blocklists, dane, dns, network, servers, tls, web
from tasks.checks import host as machine
from tasks.checks.finding import Finding, Status
from tasks.checks.lookups import Lookups, system_resolvers
from tasks.checks.report import Report

#: After these nobody is asked in DNS any more.
DNS_SECONDS = 10.0
THREADS = 32


def report(mail: Settings) -> Report:
    """
    Check the current host.

    Raises DeployError where it is no mail host yet.
    """
    began = datetime.now(UTC)
    services = host.get_fact(Services)
    if "postfix" not in services:
        raise DeployError("is no mail host yet: run deploy.py (`make deploy`) first")
    resolvers = [str(mail.mail_check_resolver)] if mail.mail_check_resolver else system_resolvers()
    lookups = Lookups(resolvers, DNS_SECONDS)
    with ThreadPoolExecutor(THREADS) as threads:
        # The world is asked while the host's facts are read.
        asked = [threads.submit(check) for check in dns.checks(mail, lookups)]
        listed = threads.submit(blocklists.findings, mail, lookups)
        published = _published()
        asked += [threads.submit(check) for check in web.checks(mail, published, lookups)]
        served = _look_at_ports(mail, published, lookups, threads)
        keys = _keys(mail)
        asked += [threads.submit(check) for check in dns.key_checks(mail, keys, lookups)]
        health, read = _health(mail)
        shown = {port: look.result() for port, look in served.items()}
        asked.append(threads.submit(dane.findings, mail, shown, lookups))
        found = [finding for check in asked for finding in check.result()]
        found += servers.findings(mail, lookups)
        found += [
            *tls.findings(
                mail,
                shown,
                machine.inactive(mail, services),
                datetime.now(UTC),
            ),
            *network.findings(mail, health),
            *listed.result(),
            *machine.findings(mail, health, services, read),
        ]
    failed = {finding.id for finding in found if finding.status == Status.FAILED}
    if mail.mail_web and "tls.certificate" in failed:
        found = [web.excused(finding) for finding in found]
    return Report(mail.mail_hostname, began, _in_order(found))


def _keys(mail: Settings) -> dict[str, str]:
    """Return domain -> public key, of the selector that the host signs with."""
    return {
        domain: key["public_key"]
        for domain, selectors in host.get_fact(SigningKeys).items()
        if (key := selectors.get(mail.mail_dkim_selector)) and key["public_key"]
    }


def _health(mail: Settings) -> tuple[HealthState, tuple[float, float]]:
    """Return the Health fact, and our clock before and after."""
    before = time.time()
    health = host.get_fact(Health, outbound=network.target(mail))
    return health, (before, time.time())


def _published() -> dict[int, tuple[str, int]]:
    """Return port -> address and port where the inventory says that it is published; mostly {}."""
    published: Mapping[object, object] = host.data.get("published_ports") or {}
    return {int(str(port)): ("127.0.0.1", int(str(at))) for port, at in published.items()}


def _look_at_ports(
    mail: Settings,
    published: Mapping[int, tuple[str, int]],
    lookups: Lookups,
    threads: ThreadPoolExecutor,
) -> dict[int, Future[tls.Served]]:
    """Connect to each port, where it is published, or at the host's address."""
    places = dict(published)
    if not places:
        address = mail.mail_ipv4 or mail.mail_ipv6
        found = [str(address)] if address else sorted(lookups.addresses(mail.mail_hostname))
        places = {port: (found[0] if found else mail.mail_hostname, port) for port in tls.PORTS}
    chain = mail.mail_tls.mode != "self-signed"
    return {
        port: threads.submit(tls.look, port, *places[port], chain)
        for port in tls.PORTS
        if port in places
    }


def _in_order(findings: list[Finding]) -> list[Finding]:
    """Return the findings by id: DNS, host, network, TLS, web."""
    return sorted(findings, key=lambda finding: finding.id)
