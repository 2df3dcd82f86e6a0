"""Run all checks of the current host at the same time: read its facts, ask the world, judge."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime

from pyinfra import host
from pyinfra.api import DeployError

from facts.health import Health
from facts.opendkim import SigningKeys, public_keys
from facts.services import Services
from settings.models import Settings
from tasks.checks import blocklists, dns, machine, servers, tls, web
from tasks.checks.finding import Status
from tasks.checks.report import Report
from tasks.lookups import Lookups, resolvers
from tasks.reach import Places, places, published_ports

#: No question to DNS after these.
DNS_SECONDS = 10.0
THREADS = 32


def report(settings: Settings) -> Report:
    """Check the current host. Raises DeployError where it is no mail host yet."""
    began = datetime.now(UTC)
    services = host.get_fact(Services)
    if "postfix" not in services:
        raise DeployError("is no mail host yet: run deploy.py (`make deploy`) first")
    lookups = Lookups(resolvers(settings), DNS_SECONDS)
    with ThreadPoolExecutor(THREADS) as threads:
        # Ask the world while pyinfra reads the host's facts.
        asked = [threads.submit(check) for check in dns.checks(settings, lookups)]
        listed = threads.submit(blocklists.findings, settings, lookups)
        published = published_ports(host.data.get("published_ports"))
        asked += [threads.submit(check) for check in web.checks(settings, published, lookups)]
        served = _look_at_ports(settings, published, lookups, threads)
        keys = public_keys(host.get_fact(SigningKeys), settings.mail_dkim_selector)
        asked += [threads.submit(check) for check in dns.key_checks(settings, keys, lookups)]
        before = time.time()
        health = host.get_fact(Health, outbound=machine.target(settings))
        read = before, time.time()
        shown = {port: look.result() for port, look in served.items()}
        asked.append(threads.submit(tls.tlsa, settings, shown, lookups))
        found = [finding for check in asked for finding in check.result()]
        inactive = machine.inactive(settings, services)
        found += [
            *servers.findings(settings, lookups),
            *tls.findings(settings, shown, inactive, datetime.now(UTC)),
            *machine.network(settings, health),
            *listed.result(),
            *machine.findings(settings, health, services, read),
        ]
    failed = {finding.id for finding in found if finding.status == Status.FAILED}
    if settings.mail_web and "tls.certificate" in failed:
        found = [web.excused(finding) for finding in found]
    found.sort(key=lambda finding: finding.id)  # DNS, host, network, TLS, web
    return Report(settings.mail_hostname, began, found)


def _look_at_ports(
    settings: Settings, published: Places, lookups: Lookups, threads: ThreadPoolExecutor
) -> dict[int, Future[tls.Served]]:
    """Start to look at each port, at the place where it is published or at the host's address."""
    hosts: list[object] = [settings.mail_ipv4 or settings.mail_ipv6]
    if not published and not hosts[0]:
        hosts = [*sorted(lookups.addresses(settings.mail_hostname)), settings.mail_hostname]
    chain = settings.mail_tls.trusted_by_others
    return {
        port: threads.submit(tls.look, port, *place, chain)
        for port in tls.PORTS
        for place in places(port, published, hosts)[:1]
    }
