"""Checks of a domain's TXT records about its mail: SPF, DKIM, DMARC, TLS reports, MTA-STS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from settings.models import Settings
from tasks.answers import Answer, tags
from tasks.checks.finding import Finding, Severity
from tasks.checks.judging import RIGHT, Verdict, finding, right, unsure, verdict, wrong
from tasks.lookups import Lookups
from tasks.spf.evaluation import LIMIT, Ask, Evaluation, evaluate
from tasks.spf.record import ends_with, spf_records, terms
from wanted import dns, mta_sts
from wanted.dns import Record


def _ask_but_for_ours(settings: Settings, lookups: Lookups) -> Ask:
    """Return the resolver, but with our own A, AAAA and MX as wanted: other checks judge those."""
    known = {(domain, "MX"): f"10 {settings.mail_hostname}." for domain in settings.mail_domains}
    if settings.mail_ipv4:
        known[settings.mail_hostname, "A"] = str(settings.mail_ipv4)
    if settings.mail_ipv6:
        known[settings.mail_hostname, "AAAA"] = str(settings.mail_ipv6)

    def ask(name: str, kind: str) -> Answer:
        ours = known.get((name, kind))
        return Answer((ours,)) if ours else lookups.ask(name, kind)

    return ask


def _evaluations(
    settings: Settings, record: str, domain: str, lookups: Lookups
) -> list[Evaluation]:
    """Evaluate an SPF record for each address of the host, or for any address if none is known."""
    addresses = [str(each) for each in (settings.mail_ipv4, settings.mail_ipv6) if each] or [
        "192.0.2.1"
    ]
    ask = _ask_but_for_ours(settings, lookups)
    return [evaluate(record, domain, address, ask) for address in addresses]


# ---- SPF --------------------------------------------------------------------------------------
def spf(settings: Settings, domain: str, lookups: Lookups) -> list[Finding]:
    """dns.spf, dns.spf_lookups, dns.spf_all: there is one record, and the host passes it."""
    view = lookups.everywhere(domain, "TXT")
    subject, wanted = f"{domain} SPF", dns.spf(settings)
    evaluated = partial(_evaluations, settings, domain=domain, lookups=lookups)

    def passes(answer: Answer) -> Verdict:
        return _judge_spf(settings, domain, answer, wanted, evaluated)

    def few_lookups(answer: Answer) -> Verdict:
        record = _only_record(answer)
        if record is None:
            return unsure("there is not exactly one SPF record (dns.spf)")
        evaluation = evaluated(record)[0]
        seen = f"{evaluation.lookups} of {LIMIT} look-ups"
        if evaluation.lookups > LIMIT:
            remedy = "name addresses (ip4:, ip6:) in place of includes: receivers stop at 10"
            return wrong(remedy, seen=seen)
        return unsure(evaluation.unanswered[0]) if evaluation.unanswered else right(seen)

    def does_not_let_all_in(answer: Answer) -> Verdict:
        record = _only_record(answer)
        if record is None:
            return unsure("there is not exactly one SPF record (dns.spf)")
        end = ends_with(record)
        if end == "+":
            return wrong(f"end it with {settings.mail_spf_all}: +all lets the whole world send")
        redirected = any(term.name == "redirect" for term in terms(record))
        if end in ("~", "-") or f"{end}all" == settings.mail_spf_all or (not end and redirected):
            return right(f"{end}all" if end else "ends elsewhere (redirect)")
        return wrong(f"end it with {settings.mail_spf_all}", Severity.RECOMMENDED)

    checks = (
        ("dns.spf", wanted, passes),
        ("dns.spf_lookups", f"at most {LIMIT} look-ups", few_lookups),
        ("dns.spf_all", settings.mail_spf_all, does_not_let_all_in),
    )
    return [
        finding(check, subject, Severity.REQUIRED, right_one, verdict(view, judge))
        for check, right_one, judge in checks
    ]


def _only_record(answer: Answer) -> str | None:
    found = spf_records(answer.records)
    return found[0] if len(found) == 1 else None


def _judge_spf(
    settings: Settings, name: str, answer: Answer, wanted: str, evaluated: partial[list[Evaluation]]
) -> Verdict:
    """Judge the SPF record of a name that the host sends as."""
    found = spf_records(answer.records)
    seen = ", ".join(found) or "no SPF record"
    if len(found) != 1:
        merge = f"keep one: {len(found)} SPF records count as none (RFC 7208, 4.5)"
        return wrong(merge if found else f"publish {name}. TXT {wanted}", seen=seen)
    if found[0] == wanted:
        return right(seen)
    for evaluation in evaluated(found[0]):
        if evaluation.errors and evaluation.lookups <= LIMIT:
            return wrong(f"mend it: {evaluation.errors[0]}", seen=seen)
        if evaluation.result != "pass" and (settings.mail_ipv4 or settings.mail_ipv6):
            if evaluation.unanswered:
                return unsure(evaluation.unanswered[0])
            remedy = (
                f"publish {name}. TXT {wanted}: the host gets {evaluation.result!r} by this one"
            )
            return wrong(remedy, seen=seen)
    return right(seen)


def helo_spf(settings: Settings, record: Record, lookups: Lookups) -> list[Finding]:
    """dns.helo_spf: the host's own name has an SPF record; receivers judge bounces by it."""
    name, wanted = record.name, record.content

    def judge(answer: Answer) -> Verdict:
        if answer.alias:
            return unsure(f"the name is an alias of {answer.alias} (dns.mx_cname)")
        evaluated = partial(_evaluations, settings, domain=name, lookups=lookups)
        said = _judge_spf(settings, name, answer, wanted, evaluated)
        # Receivers refuse mail for a record that fails, but not for a missing one.
        missing = not spf_records(answer.records)
        return (
            Verdict(said.status, said.remedy, Severity.RECOMMENDED, said.seen) if missing else said
        )

    said = verdict(lookups.everywhere(name, "TXT"), judge)
    return [finding("dns.helo_spf", f"{name} SPF", Severity.REQUIRED, wanted, said)]


# ---- DKIM -------------------------------------------------------------------------------------
def dkim(
    settings: Settings, domain: str, keys: Mapping[str, str], lookups: Lookups
) -> list[Finding]:
    """dns.dkim: the published key is the one that the host signs with."""
    name = f"{settings.mail_dkim_selector}._domainkey.{domain}"
    key = keys.get(domain)
    contents = (each.content for each in dns.records(settings, keys) if each.name == name)
    wanted = next(contents, "the host's key")

    def judge(answer: Answer) -> Verdict:
        if key is None:
            return unsure("the host has no key for this domain (dns.dmarc_alignment)")
        if len(answer.records) != 1:
            few = f"publish it: {name}. TXT, as `make dns` prints it"
            return wrong(few if not answer.records else "keep one record: the host's key")
        return _judge_key(tags(answer.records[0]), key)

    said = verdict(lookups.everywhere(name, "TXT"), judge)
    return [finding("dns.dkim", f"{name} TXT", Severity.REQUIRED, wanted, said)]


def _judge_key(published: Mapping[str, str], key: str) -> Verdict:
    """Judge a DKIM record (RFC 6376, 3.6.1) by the host's public key."""
    if published.get("p", "").replace(" ", "") != key:
        return wrong("publish the host's own key: `make dns` prints it")
    for tag, allowed in (("v", {"DKIM1"}), ("k", {"rsa"}), ("s", {"*", "email"})):
        if tag in published and not allowed & set(published[tag].split(":")):
            return wrong(f"leave out {tag}={published[tag]}, or write {tag}={min(allowed)}")
    if "h" in published and "sha256" not in published["h"].split(":"):
        return wrong("write h=sha256: the host signs with it")
    if "y" in published.get("t", "").split(":"):
        return wrong(
            "leave out t=y: with it the signature counts for nothing", Severity.RECOMMENDED
        )
    return RIGHT


# ---- DMARC ------------------------------------------------------------------------------------
def dmarc(settings: Settings, domain: str, lookups: Lookups) -> list[Finding]:
    """dns.dmarc: there is one valid record, with the policy of the settings (RFC 9989)."""
    wanted = dns.dmarc(settings, domain)

    def judge(answer: Answer) -> Verdict:
        found = [text for text in answer.records if text.lower().startswith("v=dmarc1")]
        if len(found) != 1:
            return wrong(
                "keep one DMARC record" if found else f"publish _dmarc.{domain}. TXT {wanted}"
            )
        policy = tags(found[0]).get("p", "").lower()
        if policy not in ("none", "quarantine", "reject"):
            return wrong(
                f"write p={settings.mail_dmarc_policy}: a record without a policy is ignored"
            )
        if policy != settings.mail_dmarc_policy:
            remedy = f"write p={settings.mail_dmarc_policy}, or set mail_dmarc_policy to {policy}"
            return wrong(remedy, Severity.RECOMMENDED)
        return RIGHT

    said = verdict(lookups.everywhere(f"_dmarc.{domain}", "TXT"), judge)
    return [finding("dns.dmarc", f"_dmarc.{domain} TXT", Severity.REQUIRED, wanted, said)]


def alignment(domain: str, keys: Mapping[str, str], lookups: Lookups) -> list[Finding]:
    """
    dns.dmarc_alignment: signature and envelope are of the domain in a message's From.

    SPF aligns whatever `aspf` says, since From and envelope of what users send are always of the
    same domain. The signature aligns if the host has a key of that domain.
    """

    def judge(answer: Answer) -> Verdict:
        if domain not in keys:
            return wrong("run deploy.py: mail of this domain is not signed by a key of its own")
        if not any(text.lower().startswith("v=dmarc1") for text in answer.records):
            return unsure("there is no DMARC record (dns.dmarc)")
        return right(f"d={domain}, envelope from {domain}")

    said = verdict(lookups.everywhere(f"_dmarc.{domain}", "TXT"), judge)
    wanted = f"signed as d={domain}, sent from addresses of {domain}"
    return [finding("dns.dmarc_alignment", domain, Severity.REQUIRED, wanted, said)]


# ---- TLS reports --------------------------------------------------------------------------------
def tls_reports(domain: str, wanted: Sequence[Record], lookups: Lookups) -> list[Finding]:
    """dns.tlsrpt: there is an address for reports of TLS that failed (RFC 8460)."""
    name = f"_smtp._tls.{domain}"
    ours = next((record.content for record in wanted if record.name == name), None)
    if ours is None:
        return []

    def judge(answer: Answer) -> Verdict:
        found = [text for text in answer.records if text.lower().startswith("v=tlsrptv1")]
        if len(found) == 1 and tags(found[0]).get("rua"):
            return RIGHT
        return wrong("keep one record, with rua=" if found else f"publish {name}. TXT {ours}")

    said = verdict(lookups.everywhere(name, "TXT"), judge)
    return [finding("dns.tlsrpt", f"{name} TXT", Severity.RECOMMENDED, ours, said)]


# ---- MTA-STS ------------------------------------------------------------------------------------
def mta_sts_record(settings: Settings, domain: str, lookups: Lookups) -> list[Finding]:
    """dns.mta_sts: the record's id is that of the policy; by another id others keep an old one."""
    if not mta_sts.enabled(settings):
        return []
    name, ours = f"_mta-sts.{domain}", mta_sts.record(settings)

    def judge(answer: Answer) -> Verdict:
        found = [text for text in answer.records if text.lower().startswith("v=stsv1")]
        if len(found) != 1:  # RFC 8461, 3.1: then there is no policy
            return wrong("keep one record" if found else f"publish {name}. TXT {ours}")
        if tags(found[0]).get("id") != tags(ours)["id"]:
            return wrong(f"publish {name}. TXT {ours}: by another id others keep an older policy")
        return RIGHT

    said = verdict(lookups.everywhere(name, "TXT"), judge)
    return [finding("dns.mta_sts", f"{name} TXT", Severity.RECOMMENDED, ours, said)]
