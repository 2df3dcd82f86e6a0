"""tasks/checks: web.py, and the TLSA records of tls.py: a small HTTPS server, and its findings."""

from __future__ import annotations

import contextlib
import http.server
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from facts.tls import key_digest
from tasks.checks import tls
from tasks.checks.finding import Severity, Status
from tasks.checks.tls import Served
from tasks.checks.web import Fetched, fetch, judged_policy, judged_settings
from tests.dns_answers import Told
from tests.inventory import settings
from tests.test_checks_tls import KEY, issued
from wanted import clients, mta_sts

NAME = "mta-sts.example.org"
TESTING = settings(mail_mta_sts="testing", mail_web=True)
POLICY = mta_sts.policy(TESTING)


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers /STATUS with that status."""

    def do_GET(self) -> None:
        self.send_response(int(self.path[1:]))
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Location", "https://elsewhere.example/")
        self.end_headers()
        self.wfile.write(f"{self.command} {self.headers['Host']}".encode())

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def server(folder: Path, days: float = 90) -> Iterator[tuple[str, int]]:
    """Yield address and port of a server with a self-signed certificate of NAME."""
    pem = folder / "pem"
    pem.write_bytes(
        KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + issued([NAME], days).public_bytes(Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.socket = context.wrap_socket(
        httpd.socket, server_side=True, do_handshake_on_connect=False
    )
    threading.Thread(target=httpd.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield ("127.0.0.1", httpd.server_port)
    finally:
        httpd.shutdown()
        httpd.server_close()


def test_what_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with server(tmp_path) as place:
        found = fetch(NAME, "200", "GET", place, trusted=False)
        assert found == Fetched(status=200, type="text/plain", text=f"GET {NAME}")
        assert fetch(NAME, "200", "POST", place, trusted=False).text == f"POST {NAME}"
        assert fetch(NAME, "301", "GET", place, trusted=False).status == 301
        other = fetch("other.example", "200", "GET", place, trusted=False)
        assert other.error == "the certificate is not for other.example"
        distrusted = fetch(NAME, "200", "GET", place, trusted=True)
        assert distrusted.error == "the certificate is not right: self-signed certificate"
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "pem"))
        assert fetch(NAME, "200", "GET", place, trusted=True).status == 200
        mismatch = fetch("other.example", "200", "GET", place, trusted=True)
        assert "Hostname mismatch" in mismatch.error
    assert "refused" in fetch(NAME, "200", "GET", place, trusted=False).error


def test_a_certificate_that_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "pem"))
    with server(tmp_path, days=-1) as place:
        assert "valid until" in fetch(NAME, "200", "GET", place, trusted=False).error
        assert "certificate has expired" in fetch(NAME, "200", "GET", place, trusted=True).error


# ---- the policy ---------------------------------------------------------------------------------
def policy(text: str = POLICY, status: int = 200, type: str = "text/plain") -> Fetched:
    return Fetched(status=status, type=type, text=text)


ENFORCED = POLICY.replace("testing", "enforce")


@pytest.mark.parametrize(
    ("got", "severity", "seen"),
    [
        (policy(POLICY.replace("mail.", "old.")), "recommended", "mx: old.example.org"),
        (
            policy(ENFORCED.replace("mail.", "old.")),
            "required",
            "mode: enforce, mx: old.example.org",
        ),
        (policy(ENFORCED), "recommended", "mode: enforce"),
        (policy(POLICY + "mx: two.example.org\n"), "recommended", "mx: mail.example.org and two."),
        (policy(""), "recommended", "version: none, mode: none, mx: none, max_age: none"),
        (policy(status=301), "recommended", "HTTP status 301"),
        (policy(type="text/html"), "recommended", "content of the type text/html"),
        (Fetched(error="no answer"), "recommended", "no answer"),
    ],
)
def test_a_wrong_policy(got: Fetched, severity: str, seen: str) -> None:
    finding = judged_policy(TESTING, "https://…", got)
    assert (finding.id, finding.status) == ("web.mta_sts", Status.FAILED)
    assert finding.severity == severity
    assert finding.seen.startswith(seen)
    assert finding.wanted.startswith("version: STSv1, mode: testing, mx: mail.example.org, ")
    assert finding.remedy.startswith("run deploy.py")


def test_a_right_policy_and_one_that_could_not_be_asked_for() -> None:
    for text in (POLICY, POLICY.replace("\n", "\r\n")):
        assert judged_policy(TESTING, "", policy(text)).status == Status.OK
    assert judged_policy(TESTING, "", None).status == Status.UNKNOWN


# ---- settings for mail programs -----------------------------------------------------------------
WANTED = {
    "web.autoconfig": clients.autoconfig(TESTING, "example.org"),
    "web.autodiscover": clients.autodiscover(TESTING, "example.org"),
}


@pytest.mark.parametrize("id", WANTED)
def test_settings_of_mail_programs(id: str) -> None:
    def judged(text: str) -> tuple[Status, str]:
        got = Fetched(status=200, type="application/xml", text=text)
        found = judged_settings(id, "", WANTED[id], got)
        assert found.severity == Severity.RECOMMENDED
        return found.status, found.seen

    status, seen = judged(WANTED[id])
    assert status == Status.OK
    assert "mail.example.org:993, " in seen
    assert judged(WANTED[id].replace("993", "143"))[0] == Status.FAILED
    assert judged(WANTED[id].replace("mail.", "old."))[1].startswith("old.example.org:993")
    assert judged("<html>")[1].startswith("no XML: ")
    assert judged("<!DOCTYPE a><a/>")[1].startswith("no XML: a document type")
    assert judged("<a/>") == (Status.FAILED, "no server")


# ---- DANE ---------------------------------------------------------------------------------------
OURS = f"3 1 1 {key_digest(issued())}"


@pytest.mark.parametrize(
    ("records", "status"),
    [
        ((OURS,), Status.OK),
        ((f"3 1 1 {'0' * 64}", OURS), Status.OK),
        ((f"3 1 1 {'0' * 64}",), Status.FAILED),
        ((f"2 1 1 {'0' * 64}",), Status.UNKNOWN),
        ((), Status.OK),
    ],
)
def test_tlsa_records(records: tuple[str, ...], status: Status) -> None:
    told = Told({("_25._tcp.mail.example.org", "TLSA"): records})
    (finding,) = tls.tlsa(TESTING, {25: Served(certificate=issued())}, told)
    assert (finding.id, finding.status) == ("dns.tlsa", status)
    assert finding.severity == Severity.REQUIRED
