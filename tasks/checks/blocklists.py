"""Is an address of the host on a DNS blocklist (RFC 5782)?"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv4Network, ip_address

from settings.models import Settings
from tasks.answers import Answer
from tasks.checks.finding import Finding, Severity
from tasks.checks.judging import plain, unknown
from tasks.lookups import Lookups
from wanted.dns import host_addresses

#: The answers that mean "listed". 127.255.255.x refuses the query (there were too many, or it came
#: from a public resolver); with other answers a list says that it has closed down.
_FIRST, _LAST = IPv4Address("127.0.0.2"), IPv4Address("127.0.0.11")
_REFUSALS = IPv4Network("127.255.255.0/24")


def findings(settings: Settings, lookups: Lookups) -> list[Finding]:
    """net.blocklist: one finding for each address, and another for lists that don't answer."""
    found = []
    lists = settings.mail_blocklists
    for address in host_addresses(settings) if lists else []:
        names = [question(str(address), each) for each in lists]
        with ThreadPoolExecutor(len(names)) as threads:
            answers = threads.map(lambda name: lookups.ask(name, "A"), names)
        found += judge(str(address), dict(zip(lists, answers, strict=True)))
    return found


def question(address: str, blocklist: str) -> str:
    """Return the name that says whether a list has an address (RFC 5782, 2.1 and 2.4)."""
    reverse = ip_address(address).reverse_pointer
    return f"{reverse.removesuffix('.in-addr.arpa').removesuffix('.ip6.arpa')}.{blocklist}"


def judge(address: str, answers: Mapping[str, Answer]) -> list[Finding]:
    """Judge what the lists say of an address: list -> its answer."""
    said = {name: listing(answer) for name, answer in answers.items()}
    listed = [f"{name} ({codes})" for name, (status, codes) in said.items() if status == "listed"]
    clean = [name for name, (status, _) in said.items() if status == "clean"]
    silent: dict[str, list[str]] = {}
    for name, (status, why) in said.items():
        if status == "unknown":
            silent.setdefault(why, []).append(name)
    found = []
    check, severity, wanted = "net.blocklist", Severity.REQUIRED, "on no blocklist"
    if listed or clean:
        seen = f"on {', '.join(listed)}" if listed else f"not on {', '.join(clean)}"
        remedy = "find out why (its site says), stop the cause, then ask for removal there"
        found.append(plain(check, address, severity, bool(listed), seen, wanted, remedy))
    if silent:
        reasons = "; ".join(f"{', '.join(names)}: {why}" for why, names in silent.items())
        found.append(unknown(check, address, severity, reasons, wanted))
    return found


def listing(answer: Answer) -> tuple[str, str]:
    """Return "listed", "clean" or "unknown", and the return codes or the reason."""
    if answer.error:
        return "unknown", answer.error
    codes = [IPv4Address(record) for record in answer.records]
    listed = [str(code) for code in codes if _FIRST <= code <= _LAST]
    if listed:
        return "listed", ", ".join(listed)
    if any(code in _REFUSALS for code in codes):
        return "unknown", "it refuses the query: ask it by a resolver of your own"
    if codes:
        return "unknown", f"it answers {', '.join(map(str, codes))}, which is no listing"
    return "clean", ""
