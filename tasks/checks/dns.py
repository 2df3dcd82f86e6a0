"""Checks of A, AAAA, MX and PTR records, and of records that several names have."""

from collections.abc import Mapping, Sequence
from functools import partial

from settings.models import Settings
from tasks.answers import Answer, content
from tasks.checks import policies
from tasks.checks.finding import Check, Finding, Severity
from tasks.checks.judging import RIGHT, Verdict, combined, judged, right, unknown, unsure, wrong
from tasks.lookups import Lookups
from wanted.dns import Record, host_addresses, records


def checks(settings: Settings, lookups: Lookups) -> list[Check]:
    """Return the checks of DNS that need no key of the host; each may run in its own thread."""
    wanted = records(settings, {})
    found: list[Check] = [
        partial(addresses, settings, lookups),
        partial(client_names, settings, wanted, lookups),
        partial(web_names, settings, lookups),
        partial(authorities, settings, wanted, lookups),
    ]
    for record in wanted:
        if record.type == "PTR":
            found.append(partial(pointer, settings, record, lookups))
        elif (record.name, record.type) == (settings.mail_hostname, "TXT"):
            found.append(partial(policies.helo_spf, settings, record, lookups))
    for domain in settings.mail_domains:
        found += [
            partial(exchanger, settings, domain, lookups),
            partial(policies.spf, settings, domain, lookups),
            partial(policies.dmarc, settings, domain, lookups),
            partial(policies.tls_reports, domain, wanted, lookups),
            partial(policies.mta_sts_record, settings, domain, lookups),
            partial(services, domain, wanted, lookups),
        ]
    for domain in settings.mail_null_domains:
        found.append(partial(null_domain, domain, wanted, lookups))
    return found


def key_checks(settings: Settings, keys: Mapping[str, str], lookups: Lookups) -> list[Check]:
    """Return the checks of DNS that need the host's DKIM keys: domain -> public key."""
    found: list[Check] = []
    for domain in settings.mail_domains:
        found.append(partial(policies.dkim, settings, domain, keys, lookups))
        found.append(partial(policies.alignment, domain, keys, lookups))
    return found


# ---- addresses --------------------------------------------------------------------------------
def addresses(settings: Settings, lookups: Lookups) -> list[Finding]:
    """dns.a: the host's name has the host's addresses, and no others."""
    name = settings.mail_hostname
    if not host_addresses(settings):
        seen = ", ".join(sorted(lookups.addresses(name))) or "nothing"
        wanted = "mail_ipv4 or mail_ipv6 in the inventory, to compare with"
        return [unknown("dns.a", name, Severity.REQUIRED, seen, wanted)]
    return [
        *_address(name, "A", str(settings.mail_ipv4 or ""), lookups),
        *_address(name, "AAAA", str(settings.mail_ipv6 or ""), lookups),
    ]


def _address(name: str, kind: str, address: str, lookups: Lookups) -> list[Finding]:
    def judge(answer: Answer) -> Verdict:
        if not address and answer.records:
            key = "mail_ipv4" if kind == "A" else "mail_ipv6"
            return wrong(f"remove it, or set {key} in the inventory", Severity.RECOMMENDED)
        if not address or answer.records == (address,):
            return RIGHT
        if address in answer.records:
            return wrong("remove the other addresses", Severity.RECOMMENDED)
        return wrong(f"publish {name}. {kind} {address}")

    view = lookups.everywhere(name, kind)
    return judged("dns.a", Severity.REQUIRED, address or "nothing", view, judge)


def pointer(settings: Settings, record: Record, lookups: Lookups) -> list[Finding]:
    """dns.ptr: the address's name is the host's, and that name has the address (FCrDNS)."""
    of_ipv4 = record.name.endswith("in-addr.arpa")
    address = str(settings.mail_ipv4 if of_ipv4 else settings.mail_ipv6)
    remedy = f"have the provider set the reverse DNS of {address} to {settings.mail_hostname}"

    def judge(answer: Answer) -> Verdict:
        names = [name.rstrip(".") for name in answer.records]
        if settings.mail_hostname in names[:1] and len(names) == 1:
            if lookups.addresses(settings.mail_hostname) >= {address}:
                return right(f"{settings.mail_hostname}, which leads back to {address}")
            return unsure(f"{settings.mail_hostname}, whose own address is not right (dns.a)")
        confirmed = any(address in lookups.addresses(name) for name in names)
        return wrong(remedy, Severity.RECOMMENDED if confirmed else None)

    view, subject = lookups.everywhere(record.name, "PTR"), f"{address} PTR"
    return judged("dns.ptr", Severity.REQUIRED, record.content, view, judge, subject)


# ---- MX ---------------------------------------------------------------------------------------
def exchanger(settings: Settings, domain: str, lookups: Lookups) -> list[Finding]:
    """dns.mx, dns.mx_cname: the domain's first MX is this host, under a name that is no alias."""
    ours = set(map(str, host_addresses(settings)))

    def leads_here(answer: Answer) -> Verdict:
        if not answer.records:
            return wrong(f"publish {domain}. MX 10 {settings.mail_hostname}.")
        first = _targets(answer)[0]
        if first == settings.mail_hostname or (first and ours & lookups.addresses(first)):
            return RIGHT
        return wrong(f"let the first MX be {settings.mail_hostname}.")

    def is_no_alias(answer: Answer) -> Verdict:
        targets = [target for target in _targets(answer) if target]
        if not targets:
            return unsure("there is no MX record (dns.mx)")
        seen = [(target, lookups.everywhere(target, "A")) for target in targets]
        for target, found in seen:
            if alias := next((each.alias for each in found.answers if each.alias), ""):
                remedy = f"name {alias} in the MX record itself (RFC 5321, 5.1)"
                return wrong(remedy, seen=f"{target} is an alias of {alias}")
        if unseen := next((found for _, found in seen if not found.answers), None):
            return unsure(unseen.error)
        return right("no alias")

    view = lookups.everywhere(domain, "MX")
    wanted, no_alias = f"10 {settings.mail_hostname}.", "names with addresses of their own"
    return [
        *judged("dns.mx", Severity.REQUIRED, wanted, view, leads_here),
        *judged("dns.mx_cname", Severity.RECOMMENDED, no_alias, view, is_no_alias),
    ]


def _targets(answer: Answer) -> list[str]:
    """Return the hosts of MX records, the preferred one first; "" for a null MX."""
    pairs = [record.split() for record in answer.records]
    return [name.rstrip(".") for _, name in sorted(pairs, key=lambda pair: int(pair[0]))]


# ---- records of several names -------------------------------------------------------------------
def client_names(settings: Settings, wanted: Sequence[Record], lookups: Lookups) -> list[Finding]:
    """dns.client_names: the names that mail programs try lead to the host."""
    host = settings.mail_hostname
    names = set(settings.names) - {host}
    # A mail domain has TXT records that have findings of their own.
    without = names - {*settings.mail_domains, *settings.mail_null_domains}
    ours = [
        record
        for record in wanted
        if (record.name in names and record.type in ("A", "AAAA"))
        or (record.name in without and record.type == "TXT")
    ]
    remedy = f"publish them, or an alias (CNAME) of {host}."
    return _several("dns.client_names", "client names", ours, lookups, remedy, host)


def web_names(settings: Settings, lookups: Lookups) -> list[Finding]:
    """dns.web_names: the names that serve a domain's settings and policy lead to the host."""
    ours = [
        Record(name, "A" if address.version == 4 else "AAAA", str(address), "")
        for domain in settings.mail_domains
        if settings.mail_web
        for name in settings.web_names(domain)
        for address in host_addresses(settings)
    ]
    remedy = f"publish each as an alias (CNAME) of {settings.mail_hostname}."
    return _several("dns.web_names", "web names", ours, lookups, remedy, settings.mail_hostname)


def authorities(settings: Settings, wanted: Sequence[Record], lookups: Lookups) -> list[Finding]:
    """dns.caa: only the certification authorities of the settings may issue (RFC 8659)."""
    ours = [record for record in wanted if record.type == "CAA"]
    return _several("dns.caa", "CAA", ours, lookups, "publish exactly these CAA records")


def services(domain: str, wanted: Sequence[Record], lookups: Lookups) -> list[Finding]:
    """dns.srv: mail programs find the server by the domain alone (RFC 6186)."""
    srv = [record for record in wanted if record.type == "SRV"]
    ours = [record for record in srv if record.name.split(".", 2)[2] == domain]
    return _several("dns.srv", f"{domain} SRV", ours, lookups, "publish them as `make dns` says")


def null_domain(domain: str, wanted: Sequence[Record], lookups: Lookups) -> list[Finding]:
    """dns.null: the records of a domain without mail say that it has none."""
    names = (domain, f"_dmarc.{domain}", f"*._domainkey.{domain}")
    ours = [record for record in wanted if record.name in names and record.type in ("MX", "TXT")]
    return _several("dns.null", domain, ours, lookups, "publish them as `make dns` says")


def _several(
    check: str, subject: str, ours: Sequence[Record], lookups: Lookups, remedy: str, alias: str = ""
) -> list[Finding]:
    """Return one finding for several records: each as wanted, or an alias of the name `alias`."""
    contents: dict[tuple[str, str], set[str]] = {}
    for record in ours:
        found = content(record.type, record.content)
        contents.setdefault((record.name, record.type), set()).add(found)
    records = []
    for (name, kind), each in contents.items():
        judge = partial(_judge_set, kind, each, alias)
        records.append((lookups.everywhere(name, kind), ", ".join(sorted(each)), judge))
    return combined(check, subject, Severity.RECOMMENDED, records, remedy)


def _judge_set(kind: str, wanted: set[str], alias: str, answer: Answer) -> Verdict:
    published = set(answer.records)
    if kind == "TXT":  # a name may have others, such as a search engine's proof of ownership
        versions = {_version(text) for text in wanted}
        published = {text for text in published if _version(text) in versions}
    if kind == "SRV":  # the owner chooses priority and weight
        wanted, published = ({each.split(" ", 2)[2] for each in one} for one in (wanted, published))
    aliased = alias and answer.alias == alias
    return RIGHT if published == wanted or aliased else wrong("publish it")


def _version(text: str) -> str:
    """Return the version that a TXT record begins with: "v=spf1", "v=DMARC1"."""
    return text.replace(";", " ").partition(" ")[0].lower()
