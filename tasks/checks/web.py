"""Checks of the documents on HTTPS: the MTA-STS policy, and the settings for mail programs."""

import http.client
import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from xml.etree import ElementTree

from cryptography import x509

from settings.models import Settings
from tasks.checks.finding import Check, Finding, Severity
from tasks.checks.judging import plain, unknown
from tasks.lookups import Lookups
from tasks.reach import Places, places
from wanted import clients, mta_sts
from wanted.certificates import names_of, uncovered

SECONDS = 5.0
#: More than any document of ours has; another server might never stop sending.
BYTES = 64 * 1024


# ---- fetching ---------------------------------------------------------------------------------
@dataclass(frozen=True)
class Fetched:
    """The answer to one request, or why there is none."""

    error: str = ""  # no address, no connection, or a wrong certificate
    status: int = 0  # of HTTP
    type: str = ""  # of the content, without parameters
    text: str = ""


def fetch(name: str, path: str, method: str, place: tuple[str, int], trusted: bool) -> Fetched:
    """
    Fetch https://NAME/PATH as a strict client does: it follows no redirect.

    + place: address and port of the server
    + trusted: whether this machine has to trust the certificate's chain; names and dates are
      judged either way
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if trusted:
        context.load_default_certs()
    else:
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


# ---- judging ----------------------------------------------------------------------------------
def checks(settings: Settings, published: Places, lookups: Lookups) -> list[Check]:
    """Return the checks; each may run in its own thread."""
    found: list[Check] = []
    for domain in settings.mail_domains:
        if mta_sts.enabled(settings):
            found.append(partial(policy, settings, domain, published, lookups))
        if settings.mail_web:
            found.append(partial(documents_served, settings, domain, published, lookups))
    return found


def _ask(
    settings: Settings, url: str, method: str, published: Places, lookups: Lookups
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


def policy(settings: Settings, domain: str, published: Places, lookups: Lookups) -> list[Finding]:
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
        remedy += "; without it no policy holds"
        return plain(check, url, severity, True, fault, wanted, remedy)
    ours, theirs = _fields(mta_sts.policy(settings)), _fields(got.text)
    wrong = [key for key in ours if theirs.get(key) != ours[key]]
    seen = ", ".join(f"{key}: {' and '.join(theirs.get(key, [])) or 'none'}" for key in wrong)
    if "mx" in wrong and theirs.get("mode") == ["enforce"]:
        severity = Severity.REQUIRED
        remedy += f"; others send no mail while the policy has no mx: {settings.mail_hostname}"
    return plain(check, url, severity, bool(wrong), seen or "as wanted", wanted, remedy)


def excused(finding: Finding) -> Finding:
    """Return "unknown" for a check of HTTPS that the certificate fails: tls.certificate says so."""
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
    settings: Settings, domain: str, published: Places, lookups: Lookups
) -> list[Finding]:
    """web.autoconfig, web.autodiscover: mail programs get the host's name and ports."""
    found = []
    for check, method, url in (
        ("web.autoconfig", "GET", f"autoconfig.{domain}/mail/config-v1.1.xml"),
        ("web.autodiscover", "POST", f"autodiscover.{domain}/autodiscover/autodiscover.xml"),
    ):
        got, wanted = _ask(settings, url, method, published, lookups), clients.documents(settings)
        found.append(judged_settings(check, f"https://{url}", wanted[url], got))
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
        if "<!DOCTYPE" in text:  # its entities could expand without end
            raise ElementTree.ParseError("a document type, which these have not")
        tree = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        return f"no XML: {error}"
    elements = [(each.tag.rpartition("}")[2].lower(), each.text or "") for each in tree.iter()]
    hosts = [text for tag, text in elements if tag in ("hostname", "server")]
    ports = [text for tag, text in elements if tag == "port"]
    return ", ".join(":".join(pair) for pair in zip(hosts, ports, strict=False)) or "no server"
