"""
Checks of the documents on HTTPS, fetched as clients do: the MTA-STS policy, and the settings for
mail programs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from xml.etree import ElementTree

from settings.models import Settings
from tasks.checks.finding import Finding, Severity
from tasks.checks.https import Fetched, fetch
from tasks.checks.judging import plain, unknown
from tasks.lookups import Lookups
from tasks.reach import Place, places
from wanted import clients, mta_sts


def checks(
    settings: Settings, published: Mapping[int, Place], lookups: Lookups
) -> list[Callable[[], list[Finding]]]:
    """
    Return the checks; each may run in its own thread.

    + published: port -> where to connect instead of the address of the name
    """
    found: list[Callable[[], list[Finding]]] = []
    for domain in settings.mail_domains:
        if mta_sts.enabled(settings):
            found.append(partial(policy, settings, domain, published, lookups))
        if settings.mail_web:
            found.append(partial(documents_served, settings, domain, published, lookups))
    return found


def _ask(
    settings: Settings,
    url: str,
    method: str,
    published: Mapping[int, Place],
    lookups: Lookups,
) -> Fetched | None:
    """Return the answer to a request; None where this machine can't ask."""
    name, _, path = url.partition("/")
    ours = settings.mail_ipv4 or settings.mail_ipv6
    hosts = [str(ours)] if settings.mail_web and ours else []  # dns.web_names judges the name
    if not hosts and not published:
        answers = [lookups.ask(name, kind) for kind in ("A", "AAAA")]
        hosts = [address for answer in answers for address in answer.records]
        if not hosts and not any(answer.error for answer in answers):
            return Fetched(error=f"{name} has no address")
    found = places(443, published, hosts)
    trusted = settings.mail_tls.trusted_by_others or not settings.mail_web
    return fetch(name, path, method, found[0], trusted) if found else None


def policy(
    settings: Settings, domain: str, published: Mapping[int, Place], lookups: Lookups
) -> list[Finding]:
    """web.mta_sts: others fetch the policy that the settings want (RFC 8461, 3.3)."""
    url = f"mta-sts.{domain}/{mta_sts.PATH}"
    got = _ask(settings, url, "GET", published, lookups)
    return [judged_policy(settings, f"https://{url}", got)]


def judged_policy(settings: Settings, url: str, got: Fetched | None) -> Finding:
    """Return the finding on a policy that was fetched."""
    check, wanted = "web.mta_sts", mta_sts.policy(settings).strip().replace("\n", ", ")
    severity = Severity.RECOMMENDED
    if got is None:
        return unknown(check, url, severity, "nobody could be asked", wanted)
    remedy = "run deploy.py" if settings.mail_web else "serve what `make web` writes, as it says"
    if fault := _refused(got, "text/plain"):
        return plain(
            check, url, severity, True, fault, wanted, f"{remedy}; without it no policy holds"
        )
    ours, theirs = _fields(mta_sts.policy(settings)), _fields(got.text)
    wrong = [key for key in ours if theirs.get(key) != ours[key]]
    seen = ", ".join(f"{key}: {' and '.join(theirs.get(key, [])) or 'none'}" for key in wrong)
    if "mx" in wrong and theirs.get("mode") == ["enforce"]:
        severity = Severity.REQUIRED
        remedy += f"; others send no mail while the policy has no mx: {settings.mail_hostname}"
    return plain(check, url, severity, bool(wrong), seen or "as wanted", wanted, remedy)


def excused(finding: Finding) -> Finding:
    """Return "unknown" for a check of HTTPS that failed by the certificate: that has a finding."""
    if not finding.id.startswith("web.") or not finding.seen.startswith("the certificate"):
        return finding
    why = "the certificate is not right (tls.certificate)"
    return unknown(finding.id, finding.subject, finding.severity, why, finding.wanted)


def _refused(got: Fetched, *types: str) -> str:
    """Return why a client rejects an answer, "" where it accepts it."""
    if got.error:
        return got.error
    if got.status != 200:
        return f"HTTP status {got.status}"
    return "" if got.type in types else f"content of the type {got.type}"


def _fields(text: str) -> dict[str, list[str]]:
    """Parse the "key: value" lines of a policy; `mx` may come several times."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        found.setdefault(key.strip(), []).append(value.strip())
    return found


def documents_served(
    settings: Settings, domain: str, published: Mapping[int, Place], lookups: Lookups
) -> list[Finding]:
    """web.autoconfig, web.autodiscover: mail programs get the host's name and ports."""
    found = []
    for check, method, url in (
        ("web.autoconfig", "GET", f"autoconfig.{domain}/mail/config-v1.1.xml"),
        ("web.autodiscover", "POST", f"autodiscover.{domain}/autodiscover/autodiscover.xml"),
    ):
        got = _ask(settings, url, method, published, lookups)
        found.append(
            judged_settings(check, f"https://{url}", clients.documents(settings)[url], got)
        )
    return found


def judged_settings(check: str, url: str, wanted: str, got: Fetched | None) -> Finding:
    """Return the finding on a document for mail programs that was fetched."""
    severity, shown = Severity.RECOMMENDED, _servers(wanted)
    if got is None:
        return unknown(check, url, severity, "nobody could be asked", shown)
    fault = _refused(got, "application/xml", "text/xml")
    seen = fault or _servers(got.text)
    remedy = "run deploy.py, and see that the name leads to the host (dns.web_names)"
    return plain(check, url, severity, seen != shown, seen, shown, remedy)


def _servers(text: str) -> str:
    """Return the hosts and ports that a document names, whichever of the two kinds it is."""
    try:
        elements = [(each.tag.rpartition("}")[2].lower(), each.text) for each in _tree(text).iter()]
    except ElementTree.ParseError as error:
        return f"no XML: {error}"
    hosts = [text or "" for tag, text in elements if tag in ("hostname", "server")]
    ports = [text or "" for tag, text in elements if tag == "port"]
    return ", ".join(":".join(pair) for pair in zip(hosts, ports, strict=False)) or "no server"


def _tree(text: str) -> ElementTree.Element:
    if "<!DOCTYPE" in text:  # its entities could expand without end
        raise ElementTree.ParseError("a document type, which these have not")
    return ElementTree.fromstring(text)
