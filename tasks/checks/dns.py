"""Checks of A, AAAA, MX and PTR records, and of records that several names have."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from settings.models import Settings
from tasks.answers import Answer, content
from tasks.checks import policies
from tasks.checks.finding import Finding, Severity, Status
from tasks.checks.judging import RIGHT, Verdict, combined, finding, right, unsure, verdict, wrong
from tasks.lookups import Lookups
from wanted.dns import Record, records

Check = Callable[[], list[Finding]]


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
    found += [
        partial(null_domain, domain, wanted, lookups) for domain in settings.mail_null_domains
    ]
    return found


def key_checks(settings: Settings, keys: Mapping[str, str], lookups: Lookups) -> list[Check]:
    """
    Return the checks of DNS that need the host's DKIM keys; each may run in its own thread.

    + keys: domain -> public key, as wanted/dns.py takes them
    """
    return [
        partial(check, *arguments)
        for domain in settings.mail_domains
        for check, arguments in (
            (policies.dkim, (settings, domain, keys, lookups)),
            (policies.alignment, (domain, keys, lookups)),
        )
    ]


# ---- addresses --------------------------------------------------------------------------------
def addresses(settings: Settings, lookups: Lookups) -> list[Finding]:
    """dns.a: the host's name has the host's addresses, and no others."""
    if not settings.mail_ipv4 and not settings.mail_ipv6:
        found = ", ".join(sorted(lookups.addresses(settings.mail_hostname))) or "nothing"
        wanted = "mail_ipv4 or mail_ipv6 in the inventory, to compare with"
        said = Verdict(Status.UNKNOWN, seen=found)
        return [finding("dns.a", settings.mail_hostname, Severity.REQUIRED, wanted, said)]
    return [
        _address(settings.mail_hostname, "A", str(settings.mail_ipv4 or ""), lookups),
        _address(settings.mail_hostname, "AAAA", str(settings.mail_ipv6 or ""), lookups),
    ]


def _address(name: str, kind: str, address: str, lookups: Lookups) -> Finding:
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
    said = verdict(view, judge)
    return finding("dns.a", view, Severity.REQUIRED, address or "nothing", said)


def pointer(settings: Settings, record: Record, lookups: Lookups) -> list[Finding]:
    """dns.ptr: the address's name is the host's, and that name has the address (FCrDNS)."""
    address = str(
        settings.mail_ipv4 if record.name.endswith("in-addr.arpa") else settings.mail_ipv6
    )
    remedy = f"have the provider set the reverse DNS of {address} to {settings.mail_hostname}"

    def judge(answer: Answer) -> Verdict:
        names = [name.rstrip(".") for name in answer.records]
        if settings.mail_hostname in names[:1] and len(names) == 1:
            if lookups.addresses(settings.mail_hostname) >= {address}:
                return right(f"{settings.mail_hostname}, which leads back to {address}")
            return unsure(f"{settings.mail_hostname}, whose own address is not right (dns.a)")
        confirmed = any(address in lookups.addresses(name) for name in names)
        return wrong(remedy, Severity.RECOMMENDED if confirmed else None)

    said = verdict(lookups.everywhere(record.name, "PTR"), judge)
    return [finding("dns.ptr", f"{address} PTR", Severity.REQUIRED, record.content, said)]


# ---- MX ---------------------------------------------------------------------------------------
def exchanger(settings: Settings, domain: str, lookups: Lookups) -> list[Finding]:
    """dns.mx, dns.mx_cname: the domain's first MX is this host, under a name that is no alias."""
    ours = {str(address) for address in (settings.mail_ipv4, settings.mail_ipv6) if address}
    view = lookups.everywhere(domain, "MX")

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

    wanted = f"10 {settings.mail_hostname}."
    return [
        finding("dns.mx", view, Severity.REQUIRED, wanted, verdict(view, leads_here)),
        finding(
            "dns.mx_cname",
            f"{domain} MX",
            Severity.RECOMMENDED,
            "names with addresses of their own",
            verdict(view, is_no_alias),
        ),
    ]


def _targets(answer: Answer) -> list[str]:
    """Return the hosts of MX records, the preferred one first; "" for a null MX."""
    pairs = [record.split() for record in answer.records]
    return [name.rstrip(".") for _, name in sorted(pairs, key=lambda pair: int(pair[0]))]


# ---- records of several names -------------------------------------------------------------------
def client_names(settings: Settings, wanted: Sequence[Record], lookups: Lookups) -> list[Finding]:
    """dns.client_names: the names that mail programs try lead to the host."""
    names = set(settings.names) - {settings.mail_hostname}
    ours = [
        record
        for record in wanted
        if record.name in names
        and (record.type in ("A", "AAAA") or (record.type == "TXT" and _is_only(settings, record)))
    ]
    remedy = f"publish them, or an alias (CNAME) of {settings.mail_hostname}."
    accepted = settings.mail_hostname
    return _several("dns.client_names", "client names", ours, lookups, remedy, accepted)


def web_names(settings: Settings, lookups: Lookups) -> list[Finding]:
    """dns.web_names: the names that serve a domain's settings and policy lead to the host."""
    kinds = (("A", settings.mail_ipv4), ("AAAA", settings.mail_ipv6))
    ours = [
        Record(name, kind, str(address), "", required=False)
        for domain in settings.mail_domains
        if settings.mail_web
        for name in settings.web_names(domain)
        for kind, address in kinds
        if address
    ]
    remedy = f"publish each as an alias (CNAME) of {settings.mail_hostname}."
    return _several("dns.web_names", "web names", ours, lookups, remedy, settings.mail_hostname)


def _is_only(settings: Settings, record: Record) -> bool:
    """Whether only mail programs use a name: a mail domain has TXT records of its own."""
    return record.name not in (*settings.mail_domains, *settings.mail_null_domains)


def authorities(settings: Settings, wanted: Sequence[Record], lookups: Lookups) -> list[Finding]:
    """dns.caa: only the certification authorities of the settings may issue (RFC 8659)."""
    ours = [record for record in wanted if record.type == "CAA"]
    return _several("dns.caa", "CAA", ours, lookups, "publish exactly these CAA records")


def services(domain: str, wanted: Sequence[Record], lookups: Lookups) -> list[Finding]:
    """dns.srv: mail programs find the server by the domain alone (RFC 6186)."""
    ours = [
        record
        for record in wanted
        if record.type == "SRV" and record.name.split(".", 2)[2] == domain
    ]
    return _several("dns.srv", f"{domain} SRV", ours, lookups, "publish them as `make dns` says")


def null_domain(domain: str, wanted: Sequence[Record], lookups: Lookups) -> list[Finding]:
    """dns.null: the records of a domain without mail say that it has none."""
    names = (domain, f"_dmarc.{domain}", f"*._domainkey.{domain}")
    ours = [record for record in wanted if record.name in names and record.type in ("MX", "TXT")]
    return _several("dns.null", domain, ours, lookups, "publish them as `make dns` says")


def _several(
    check: str,
    subject: str,
    wanted: Sequence[Record],
    lookups: Lookups,
    remedy: str,
    alias: str = "",
) -> list[Finding]:
    """
    Return one finding for several records, each of which must be as wanted; [] for no records.

    + alias: an alias of this name is right too
    """
    contents: dict[tuple[str, str], set[str]] = {}
    for record in wanted:
        found = content(record.type, record.content)
        contents.setdefault((record.name, record.type), set()).add(found)
    said = []
    for (name, kind), each in contents.items():
        view = lookups.everywhere(name, kind)
        judged = verdict(view, partial(_judge_set, kind, each, alias))
        said.append((str(view), ", ".join(sorted(each)), judged))
    return [combined(check, subject, Severity.RECOMMENDED, said, remedy)] if said else []


def _judge_set(kind: str, wanted: set[str], alias: str, answer: Answer) -> Verdict:
    published = set(answer.records)
    if kind == "TXT":  # a name may have others, such as a search engine's proof of ownership
        kinds = {_kind(text) for text in wanted}
        published = {text for text in published if _kind(text) in kinds}
    if kind == "SRV":  # the owner chooses priority and weight
        wanted, published = ({each.split(" ", 2)[2] for each in one} for one in (wanted, published))
    return (
        RIGHT if published == wanted or (alias and answer.alias == alias) else wrong("publish it")
    )


def _kind(text: str) -> str:
    """Return the version that a TXT record begins with: "v=spf1", "v=DMARC1"."""
    return text.replace(";", " ").partition(" ")[0].lower()
