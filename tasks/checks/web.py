"""
Checks of what is fetched over HTTPS: the MTA-STS policy, and the settings for mail programs, each
as its clients fetch it: by its name, with the certificate verified, without following a redirect.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from xml.etree import ElementTree

from cryptography import x509

from operations import clients, mta_sts
from operations.certificates import names_of, uncovered
from settings import Settings
from tasks.checks.finding import Finding, Severity
from tasks.checks.judging import plain, unknown
from tasks.checks.lookups import Lookups

SECONDS = 5.0
#: Longer than any document of ours; a server of somebody else may have no end.
BYTES = 64 * 1024


@dataclass(frozen=True)
class Fetched:
    """
    What came of a question.

    + error: why there is no answer: no address, no connection, a certificate that is not right
    + status: of HTTP
    + type: of the content, without parameters
    """

    error: str = ""
    status: int = 0
    type: str = ""
    text: str = ""


def fetch(name: str, path: str, method: str, place: tuple[str, int], trusted: bool) -> Fetched:
    """
    Fetch https://NAME/PATH.

    + place: address and port of the server
    + trusted: whether this machine has to trust the certificate's chain; names and dates are
      judged either way
    """
    context = ssl.create_default_context()
    if not trusted:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection(place, SECONDS) as plain_socket,
            context.wrap_socket(plain_socket, server_hostname=name) as secured,
        ):
            der = secured.getpeercert(binary_form=True)
            if fault := _fault(x509.load_der_x509_certificate(der or b""), name):
                return Fetched(error=f"the certificate is {fault}")
            return _answer(secured, name, path, method)
    except ssl.SSLCertVerificationError as error:
        return Fetched(error=f"the certificate is not right: {error.verify_message}")
    except TimeoutError:
        return Fetched(error=f"no answer in {SECONDS:g} seconds")
    except ssl.SSLError as error:
        return Fetched(error=f"no TLS: {error.reason or error}")
    except http.client.HTTPException as error:
        return Fetched(error=f"no HTTP: {type(error).__name__}")
    except OSError as error:
        return Fetched(error=error.strerror or str(error))


def _fault(certificate: x509.Certificate, name: str) -> str:
    now = datetime.now(UTC)
    if uncovered(names_of(certificate), [name]):
        return f"not for {name}"
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        return f"valid until {certificate.not_valid_after_utc:%Y-%m-%d} only"
    return ""


def _answer(secured: ssl.SSLSocket, name: str, path: str, method: str) -> Fetched:
    question = (
        f"{method} /{path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n"
        f"{'Content-Length: 0' if method == 'POST' else 'Accept: */*'}\r\n\r\n"
    )
    secured.sendall(question.encode())
    answer = http.client.HTTPResponse(secured, method=method)
    answer.begin()
    text = answer.read(BYTES).decode("utf-8", "replace")
    return Fetched(status=answer.status, type=answer.headers.get_content_type(), text=text)


# ---- the checks ----------------------------------------------------------------------------------
def checks(
    mail: Settings, published: Mapping[int, tuple[str, int]], lookups: Lookups
) -> list[Callable[[], list[Finding]]]:
    """
    Return every check; each may run in its own thread.

    + published: port -> address and port where it is reached instead of at its name's address
    """
    found: list[Callable[[], list[Finding]]] = []
    for domain in mail.mail_domains:
        if mta_sts.runs(mail):
            found.append(partial(policy, mail, domain, published, lookups))
        if mail.mail_web:
            found.append(partial(settings, mail, domain, published, lookups))
    return found


def _ask(
    mail: Settings,
    url: str,
    method: str,
    published: Mapping[int, tuple[str, int]],
    lookups: Lookups,
) -> Fetched | None:
    """Return what came of it; None where this machine can't ask."""
    name, _, path = url.partition("/")
    place = published.get(443)
    if published and place is None:
        return None
    ours = mail.mail_ipv4 or mail.mail_ipv6
    if place is None and mail.mail_web and ours:  # whether names lead there, dns.web_names says
        place = (str(ours), 443)
    if place is None:
        answers = [lookups.ask(name, kind) for kind in ("A", "AAAA")]
        addresses = [address for answer in answers for address in answer.records]
        if not addresses:
            errors = [answer.error for answer in answers if answer.error]
            return None if errors else Fetched(error=f"{name} has no address")
        place = (addresses[0], 443)
    trusted = not (mail.mail_web and mail.mail_tls.mode == "self-signed")
    return fetch(name, path, method, place, trusted)


def policy(
    mail: Settings, domain: str, published: Mapping[int, tuple[str, int]], lookups: Lookups
) -> list[Finding]:
    """web.mta_sts: the policy that others fetch is the one of the settings (RFC 8461, 3.3)."""
    url = f"mta-sts.{domain}/{mta_sts.PATH}"
    got = _ask(mail, url, "GET", published, lookups)
    return [judged_policy(mail, f"https://{url}", got)]


def judged_policy(mail: Settings, url: str, got: Fetched | None) -> Finding:
    """Return what is to be said of a policy as it was fetched."""
    id, wanted = "web.mta_sts", mta_sts.policy(mail).strip().replace("\n", ", ")
    severity = Severity.RECOMMENDED
    if got is None:
        return unknown(id, url, severity, "nobody could be asked", wanted)
    remedy = "run deploy.py" if mail.mail_web else "serve what `make web` writes, as it says"
    if fault := _refused(got, "text/plain"):
        return plain(
            id, url, severity, True, fault, wanted, f"{remedy}; without it no policy holds"
        )
    ours, theirs = _fields(mta_sts.policy(mail)), _fields(got.text)
    wrong = [key for key in ours if theirs.get(key) != ours[key]]
    seen = ", ".join(f"{key}: {' and '.join(theirs.get(key, [])) or 'none'}" for key in wrong)
    if "mx" in wrong and theirs.get("mode") == ["enforce"]:
        severity = Severity.REQUIRED
        remedy += f"; others send no mail while the policy has no mx: {mail.mail_hostname}"
    return plain(id, url, severity, bool(wrong), seen or "as wanted", wanted, remedy)


def excused(finding: Finding) -> Finding:
    """Return unknown for what only fails by the certificate that tls.certificate has named."""
    if not finding.id.startswith("web.") or not finding.seen.startswith("the certificate"):
        return finding
    why = "the certificate is not right (tls.certificate)"
    return unknown(finding.id, finding.subject, finding.severity, why, finding.wanted)


def _refused(got: Fetched, *types: str) -> str:
    """Return why a client takes nothing from an answer, "" where it does."""
    if got.error:
        return got.error
    if got.status != 200:
        return f"HTTP status {got.status}"
    return "" if got.type in types else f"content of the type {got.type}"


def _fields(text: str) -> dict[str, list[str]]:
    """Parse a policy's "key: value" lines; of which `mx` may come several times."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        found.setdefault(key.strip(), []).append(value.strip())
    return found


def settings(
    mail: Settings, domain: str, published: Mapping[int, tuple[str, int]], lookups: Lookups
) -> list[Finding]:
    """web.autoconfig, web.autodiscover: mail programs get the host's name and ports."""
    found = []
    for id, method, url in (
        ("web.autoconfig", "GET", f"autoconfig.{domain}/mail/config-v1.1.xml"),
        ("web.autodiscover", "POST", f"autodiscover.{domain}/autodiscover/autodiscover.xml"),
    ):
        got = _ask(mail, url, method, published, lookups)
        found.append(judged_settings(id, f"https://{url}", clients.documents(mail)[url], got))
    return found


def judged_settings(id: str, url: str, wanted: str, got: Fetched | None) -> Finding:
    """Return what is to be said of a document for mail programs as it was fetched."""
    severity, shown = Severity.RECOMMENDED, _servers(wanted)
    if got is None:
        return unknown(id, url, severity, "nobody could be asked", shown)
    fault = _refused(got, "application/xml", "text/xml")
    seen = fault or _servers(got.text)
    remedy = "run deploy.py, and see that the name leads to the host (dns.web_names)"
    return plain(id, url, severity, seen != shown, seen, shown, remedy)


def _servers(text: str) -> str:
    """Return the hosts and ports of a document of either kind, in its order."""
    try:
        elements = [(each.tag.rpartition("}")[2].lower(), each.text) for each in _tree(text).iter()]
    except ElementTree.ParseError as error:
        return f"no XML: {error}"
    hosts = [text or "" for tag, text in elements if tag in ("hostname", "server")]
    ports = [text or "" for tag, text in elements if tag == "port"]
    return ", ".join(":".join(pair) for pair in zip(hosts, ports, strict=False)) or "no server"


def _tree(text: str) -> ElementTree.Element:
    if "<!DOCTYPE" in text:  # entities could make it endless
        raise ElementTree.ParseError("a document type, which these have not")
    return ElementTree.fromstring(text)
