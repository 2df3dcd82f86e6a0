"""What a deploy, `make drift` and `make check` make of a certificate that the host renews."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509

from facts.live import LiveState
from facts.tls import CertificateDue, CertificateState
from operations.certificate import renew
from tasks.checks import tls
from tasks.checks.finding import Status
from tasks.drifts import network
from tests.authority import ACME, FILES, NAMES, NOW, certificate, with_tls
from tests.fake import commands


def test_what_is_due_is_renewed_by_the_unit_of_the_timer() -> None:
    assert commands(renew, {CertificateDue: ""}) == ([], ["the certificate is not due"])
    ((command,), _) = commands(renew, {CertificateDue: "there is none yet"})
    assert "systemctl start mailhost-certificate.service" in command


AT = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
ISSUED = CertificateState(
    names=NAMES,
    not_after=AT + timedelta(days=1),
    self_signed=False,
    key_matches=True,
    owner="root:root",
    mode="600",
    not_before=AT - timedelta(days=5),
    sha256="aa",
)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, []),  # the timer still has a day
        ({"not_after": AT - timedelta(days=1)}, ["ends on 2026-11-24"]),
        ({"names": NAMES[:1]}, ["not for imap.example.org"]),
        ({"self_signed": True}, ["self-signed"]),
        ({"key_matches": False}, ["its key is another"]),
    ],
)
@pytest.mark.parametrize("tls", [ACME, FILES])
def test_drift_of_what_the_host_renews(
    tls: dict[str, Any], changes: dict[str, Any], found: list[str]
) -> None:
    live = LiveState(certificate=replace(ISSUED, **changes))
    assert [row.found for row in network.certificates(with_tls(**tls), live, (), AT)] == found


@pytest.mark.parametrize(
    ("life", "left", "late"),
    [(90, 15, False), (90, 13, True), (45, 13, True), (6, 1.5, False), (6, 1, True)],
)
def test_a_check_warns_when_the_renewal_is_late(life: float, left: float, late: bool) -> None:
    shown = x509.load_pem_x509_certificate(certificate(life=life, left=left))
    served = dict.fromkeys(tls.PORTS, tls.Served(certificate=shown, version="TLSv1.3"))
    finding = tls.certificate(with_tls(**ACME), served, NOW)
    assert finding.status == (Status.FAILED if late else Status.OK)
    assert ("mailhost-certificate" in finding.remedy) == late
