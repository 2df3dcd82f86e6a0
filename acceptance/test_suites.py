"""What is agreed on in TLS 1.2: strong suites where people log in, and a little more on port 25."""

from __future__ import annotations

from pathlib import Path

import pytest

from acceptance.support.mailhost import MailHost
from acceptance.support.tls import certificate_in_place
from layout import TLS_PORTS

SUITES = (Path(__file__).parent / "programs" / "suites.sh").read_text()
WITH_RSA = """
openssl req -quiet -x509 -newkey rsa:2048 -nodes -days 700 -subj "/CN=$1" -keyout - -out -
"""
KINDS = (
    *("modern", "modern-chacha", "anonymous", "kRSA", "CBC", "DHE"),
    *("CAMELLIA", "ARIA", "CCM8", "SHA1-signature"),
)
#: Suites for mail programs, and what port 25 keeps beside them (main.cf says why).
MODERN = {"modern", "modern-chacha"}
KEPT = {"CBC", "SHA1-signature"}
KEPT_WITH_RSA = KEPT | {"kRSA", "DHE"}


def taken(host: MailHost, port: int) -> set[str]:
    """Return the kinds of suites that a port takes."""
    protocol = TLS_PORTS[port] or "-"
    said = host.peer.exec("sh", "-c", SUITES, "suites", host.target.address, str(port), protocol)
    answers = dict(line.split(" ", 1) for line in said.splitlines())
    assert tuple(answers) == KINDS
    return {kind for kind, suite in answers.items() if suite != "-"}


@pytest.mark.parametrize("port", TLS_PORTS)
def test_which_suites_a_port_takes(host: MailHost, port: int) -> None:
    assert taken(host, port) == MODERN | (KEPT if port == 25 else set())


def test_which_suites_a_port_takes_with_an_rsa_certificate(host: MailHost) -> None:
    pem = host.peer.exec("sh", "-c", WITH_RSA, "sh", host.hostname)
    with host.restored(), certificate_in_place(host, pem):
        found = {port: taken(host, port) for port in (25, 465, 993)}
    assert found == {25: MODERN | KEPT_WITH_RSA, 465: MODERN, 993: MODERN}
