"""Checks of a domain's TXT records about its mail: SPF, DKIM, DMARC, TLS reports, MTA-STS."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from settings.models import Settings
from tasks.answers import Answer, tags
from tasks.checks.finding import Finding, Severity
from tasks.checks.judging import RIGHT, Judge, Verdict, judged, right, unsure, wrong
from tasks.lookups import Lookups
from tasks.spf.evaluation import LIMIT, Evaluation, evaluate
from tasks.spf.record import ends_with, spf_records, terms
from wanted import dns, mta_sts
from wanted.dns import Record


# ---- SPF --------------------------------------------------------------------------------------
def spf(settings: Settings, domain: str, lookups: Lookups) -> list[Finding]:
    """dns.spf, dns.spf_lookups, dns.spf_all: there is one record, and the host passes it."""
    wanted = dns.spf(settings)

    def few_lookups(record: str) -> Verdict:
        evaluation = _evaluated(settings, record, domain, lookups)[0]
        seen = f"{evaluation.lookups} of {LIMIT} look-ups"
        if evaluation.lookups > LIMIT:
            remedy = "name addresses (ip4:, ip6:) in place of includes: receivers stop at 10"
            return wrong(remedy, seen=seen)
        return unsure(evaluation.unanswered[0]) if evaluation.unanswered else right(seen)

    def keeps_others_out(record: str) -> Verdict:
        end = ends_with(record)
        if end == "+":
            return wrong(f"end it with {settings.mail_spf_all}: +all lets the whole world send")
        redirected = any(term.name == "redirect" for term in terms(record))
        if end in ("~", "-") or f"{end}all" == settings.mail_spf_all or (not end and redirected):
            return right(f"{end}all" if end else "ends elsewhere (redirect)")
        return wrong(f"end it with {settings.mail_spf_all}", Severity.RECOMMENDED)

    def of_only_record(judge: Callable[[str], Verdict], answer: Answer) -> Verdict:
        found = spf_records(answer.records)
        if len(found) != 1:
            return unsure("there is not exactly one SPF record (dns.spf)")
        return judge(found[0])

    view = lookups.everywhere(domain, "TXT")
    checks: tuple[tuple[str, str, Judge], ...] = (
        ("dns.spf", wanted, partial(_passes, settings, domain, wanted, lookups)),
        ("dns.spf_lookups", f"at most {LIMIT} look-ups", partial(of_only_record, few_lookups)),
        ("dns.spf_all", settings.mail_spf_all, partial(of_only_record, keeps_others_out)),
    )
    return [
        finding
        for check, right_one, judge in checks
        for finding in judged(check, Severity.REQUIRED, right_one, view, judge, f"{domain} SPF")
    ]


def _evaluated(settings: Settings, record: str, domain: str, lookups: Lookups) -> list[Evaluation]:
    """Evaluate an SPF record for each address of the host, or for any address if none is known."""
    ours = dns.host_addresses(settings)
    known = {(each, "MX"): f"10 {settings.mail_hostname}." for each in settings.mail_domains}
    for each in ours:
        known[settings.mail_hostname, "A" if each.version == 4 else "AAAA"] = str(each)

    def ask(name: str, kind: str) -> Answer:
        """Ask the resolver, but not for our own A, AAAA and MX records: other checks judge them."""
        content = known.get((name, kind))
        return Answer((content,)) if content else lookups.ask(name, kind)

    addresses = [str(each) for each in ours] or ["192.0.2.1"]
    return [evaluate(record, domain, address, ask) for address in addresses]


def _passes(
    settings: Settings, name: str, wanted: str, lookups: Lookups, answer: Answer
) -> Verdict:
    """Judge the SPF record of a name that the host sends as."""
    found = spf_records(answer.records)
    seen = ", ".join(found) or "no SPF record"
    if len(found) != 1:
        merge = f"keep one: {len(found)} SPF records count as none (RFC 7208, 4.5)"
        return wrong(merge if found else f"publish {name}. TXT {wanted}", seen=seen)
    if found[0] == wanted:
        return right(seen)
    for evaluation in _evaluated(settings, found[0], name, lookups):
        if evaluation.errors and evaluation.lookups <= LIMIT:
            return wrong(f"mend it: {evaluation.errors[0]}", seen=seen)
        if evaluation.result != "pass" and dns.host_addresses(settings):
            if evaluation.unanswered:
                return unsure(evaluation.unanswered[0])
            gets = f"the host gets {evaluation.result!r} by this one"
            return wrong(f"publish {name}. TXT {wanted}: {gets}", seen=seen)
    return right(seen)


def helo_spf(settings: Settings, record: Record, lookups: Lookups) -> list[Finding]:
    """dns.helo_spf: the host's own name has an SPF record; receivers judge bounces by it."""
    name, wanted = record.name, record.content

    def judge(answer: Answer) -> Verdict:
        if answer.alias:
            return unsure(f"the name is an alias of {answer.alias} (dns.mx_cname)")
        said = _passes(settings, name, wanted, lookups, answer)
        # Receivers refuse mail for a record that fails, but not for a missing one.
        missing = not spf_records(answer.records)
        return replace(said, severity=Severity.RECOMMENDED) if missing else said

    view = lookups.everywhere(name, "TXT")
    return judged("dns.helo_spf", Severity.REQUIRED, wanted, view, judge, f"{name} SPF")


# ---- DKIM -------------------------------------------------------------------------------------
def dkim(
    settings: Settings, domain: str, keys: Mapping[str, str], lookups: Lookups
) -> list[Finding]:
    """dns.dkim: the published key is the one that the host signs with."""
    name = f"{settings.mail_dkim_selector}._domainkey.{domain}"
    contents = (each.content for each in dns.records(settings, keys) if each.name == name)
    wanted = next(contents, "the host's key")

    def judge(answer: Answer) -> Verdict:
        if domain not in keys:
            return unsure("the host has no key for this domain (dns.dmarc_alignment)")
        if len(answer.records) != 1:
            few = f"publish it: {name}. TXT, as `make dns` prints it"
            return wrong("keep one record: the host's key" if answer.records else few)
        return _judge_key(tags(answer.records[0]), keys[domain])

    return judged("dns.dkim", Severity.REQUIRED, wanted, lookups.everywhere(name, "TXT"), judge)


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
        remedy = "leave out t=y: with it the signature counts for nothing"
        return wrong(remedy, Severity.RECOMMENDED)
    return RIGHT


# ---- DMARC, TLS reports, MTA-STS ----------------------------------------------------------------
def _versioned(answer: Answer, version: str) -> list[str]:
    return [text for text in answer.records if text.lower().startswith(f"v={version}")]


def dmarc(settings: Settings, domain: str, lookups: Lookups) -> list[Finding]:
    """dns.dmarc: there is one valid record, with the policy of the settings (RFC 9989)."""
    name, wanted = f"_dmarc.{domain}", dns.dmarc(settings, domain)

    def judge(answer: Answer) -> Verdict:
        found = _versioned(answer, "dmarc1")
        if len(found) != 1:
            return wrong("keep one DMARC record" if found else f"publish {name}. TXT {wanted}")
        policy, ours = tags(found[0]).get("p", "").lower(), settings.mail_dmarc_policy
        if policy not in ("none", "quarantine", "reject"):
            return wrong(f"write p={ours}: a record without a policy is ignored")
        if policy != ours:
            remedy = f"write p={ours}, or set mail_dmarc_policy to {policy}"
            return wrong(remedy, Severity.RECOMMENDED)
        return RIGHT

    return judged("dns.dmarc", Severity.REQUIRED, wanted, lookups.everywhere(name, "TXT"), judge)


def alignment(domain: str, keys: Mapping[str, str], lookups: Lookups) -> list[Finding]:
    """
    dns.dmarc_alignment: signature and envelope are of the domain in a message's From.

    SPF aligns whatever `aspf` says, since From and envelope of what users send are always of the
    same domain. The signature aligns if the host has a key of that domain.
    """

    def judge(answer: Answer) -> Verdict:
        if domain not in keys:
            return wrong("run deploy.py: mail of this domain is not signed by a key of its own")
        if not _versioned(answer, "dmarc1"):
            return unsure("there is no DMARC record (dns.dmarc)")
        return right(f"d={domain}, envelope from {domain}")

    view = lookups.everywhere(f"_dmarc.{domain}", "TXT")
    wanted = f"signed as d={domain}, sent from addresses of {domain}"
    return judged("dns.dmarc_alignment", Severity.REQUIRED, wanted, view, judge, domain)


def tls_reports(domain: str, wanted: Sequence[Record], lookups: Lookups) -> list[Finding]:
    """dns.tlsrpt: there is an address for reports of TLS that failed (RFC 8460)."""
    name = f"_smtp._tls.{domain}"
    ours = next((record.content for record in wanted if record.name == name), None)
    if ours is None:
        return []

    def judge(answer: Answer) -> Verdict:
        found = _versioned(answer, "tlsrptv1")
        if len(found) == 1 and tags(found[0]).get("rua"):
            return RIGHT
        return wrong("keep one record, with rua=" if found else f"publish {name}. TXT {ours}")

    return judged("dns.tlsrpt", Severity.RECOMMENDED, ours, lookups.everywhere(name, "TXT"), judge)


def mta_sts_record(settings: Settings, domain: str, lookups: Lookups) -> list[Finding]:
    """dns.mta_sts: the record's id is that of the policy; by another id others keep an old one."""
    if not mta_sts.enabled(settings):
        return []
    name, ours = f"_mta-sts.{domain}", mta_sts.record(settings)

    def judge(answer: Answer) -> Verdict:
        found = _versioned(answer, "stsv1")
        if len(found) != 1:  # RFC 8461, 3.1: then there is no policy
            return wrong("keep one record" if found else f"publish {name}. TXT {ours}")
        if tags(found[0]).get("id") != tags(ours)["id"]:
            return wrong(f"publish {name}. TXT {ours}: by another id others keep an older policy")
        return RIGHT

    return judged("dns.mta_sts", Severity.RECOMMENDED, ours, lookups.everywhere(name, "TXT"), judge)
