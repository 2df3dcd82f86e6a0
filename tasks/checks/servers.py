"""Checks of DNS servers: do the servers of a zone agree, and does the resolver agree with them?"""

from collections.abc import Sequence

from settings.models import Settings
from tasks.answers import View, Zone
from tasks.checks.finding import Finding, Severity
from tasks.checks.judging import plain, shown, unknown
from tasks.lookups import Lookups


def findings(settings: Settings, lookups: Lookups) -> list[Finding]:
    """Judge the answers that all other checks of DNS got: call it after them."""
    views = list(lookups.views.values())
    names = [settings.mail_hostname, *settings.mail_domains, *settings.mail_null_domains]
    zones = {name: lookups.zone(name) for name in names}
    found = [
        authoritative(zone, [view for view in views if view.zone == zone])
        for zone in dict.fromkeys(zone for zone in zones.values() if zone.name)
    ]
    missing = [name for name, zone in zones.items() if not zone.name and not zone.error]
    seen, wanted, severity = "no name servers", "a zone", Severity.REQUIRED
    for name in missing:
        if not any(name.endswith(f".{other}") for other in missing):
            remedy = f"register {name}, and delegate it to the name servers that hold its zone"
            found.append(plain("dns.servers", name, severity, True, seen, wanted, remedy))
    # The provider runs the reverse zone: it matters only where its servers name different hosts.
    reverse = [view for view in views if view.type == "PTR" and differing(view)]
    found += [authoritative(view.zone, [view]) for view in reverse]
    return [*found, resolver(lookups.resolvers, views)]


def authoritative(zone: Zone, views: Sequence[View]) -> Finding:
    """dns.servers: every authoritative server answers, and all say the same."""
    said = [line for view in views for line in differing(view)]
    problems = [*said, *zone.problems]
    subject, wanted = f"zone {zone.name}", "every server answers, and all the same"
    if not zone.servers:
        seen = "; ".join(zone.problems) or "none can be reached from here"
        wanted += "; without them the resolver's answers were judged"
        return unknown("dns.servers", subject, Severity.REQUIRED, seen, wanted)
    remedy = "load the same zone on all servers, and raise its serial"
    if not said:
        remedy = "start the server, or take it out of the zone's NS records"
    severity = Severity.RECOMMENDED if problems and not said else Severity.REQUIRED
    seen = "; ".join(problems or map(str, zone.servers))
    return plain("dns.servers", subject, severity, bool(problems), seen, wanted, remedy)


def differing(view: View) -> list[str]:
    """Return a line for each server's answer to a name and type, [] where all say the same."""
    if len({answer for answer in view.at.values() if not answer.error}) < 2:
        return [f"{view}: {answer.error}" for answer in view.at.values() if answer.error]
    return [
        f"{view} at {server}: {answer.error or shown(answer)}" for server, answer in view.at.items()
    ]


def resolver(addresses: Sequence[str], views: Sequence[View]) -> Finding:
    """dns.resolver: the resolver says what the authoritative servers say."""
    check, subject = "dns.resolver", f"resolver {', '.join(addresses) or 'of this machine'}"
    wanted = "the same as at the authoritative servers"
    if views and all(view.resolver.error for view in views):
        return unknown(check, subject, Severity.INFO, views[0].resolver.error, wanted)
    stale = [
        f"{view}: {view.resolver.error or shown(view.resolver)}"
        for view in views
        if view.at
        and view.answers
        and view.resolver.records not in [answer.records for answer in view.answers]
    ]
    remedy = "wait until its cache has expired (the record's TTL); ask another one if it stays"
    seen = "; ".join(stale) or f"{len(views)} names and types"
    return plain(check, subject, Severity.INFO, bool(stale), seen, wanted, remedy)
