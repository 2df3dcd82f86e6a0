"""facts/tls.py and operations/certificate.py: when a self-signed certificate is replaced."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from facts.tls import SCRIPT, Certificate, CertificateState, parse_certificate
from operations.certificate import renewal_reason, self_signed
from operations.scripts import shell
from tests.fake import commands

NOW = datetime.now(UTC)
NAMES = ("imap.example.org", "mail.example.org")
VALID = CertificateState(NAMES, NOW + timedelta(days=400), True, True, "root:root", "600")


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (VALID, ""),
        (None, "there is no certificate"),
        (replace(VALID, self_signed=False), "the certificate is not self-signed"),
        (replace(VALID, key_matches=False), "the private key is not the certificate's"),
        (replace(VALID, names=NAMES[1:]), "the certificate is for other names"),
        (
            replace(VALID, not_after=datetime(2020, 1, 2, tzinfo=UTC)),
            "the certificate ends on 2020-01-02",
        ),
    ],
)
def test_renewal_reason(state: CertificateState | None, reason: str) -> None:
    assert renewal_reason(state, NAMES, NOW) == reason


def made(state: CertificateState | None) -> list[str]:
    return commands(self_signed, {Certificate: state}, names=list(NAMES))[0]


def test_a_valid_certificate_is_kept() -> None:
    assert made(VALID) == []


def test_a_loosened_mode_is_mended_without_a_new_certificate() -> None:
    (command,) = made(replace(VALID, mode="644"))
    assert command == ("chown root:root /etc/ssl/mail/mail.pem && chmod 600 /etc/ssl/mail/mail.pem")


def test_a_new_certificate_is_for_all_names() -> None:
    (command,) = made(None)
    assert command.endswith(
        " /etc/ssl/mail/mail.pem imap.example.org DNS:imap.example.org,DNS:mail.example.org 825"
    )


def test_the_script_makes_what_the_fact_reads_and_keeps_the_key(tmp_path: Path) -> None:
    pem = tmp_path / "tls/mail.pem"

    def run(script: str, *arguments: str) -> list[str]:
        return subprocess.run(
            ["sh", "-c", script, "test", *arguments],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.splitlines()

    keys, text = [], shell("certificate/self_signed.sh")
    for _ in range(2):
        run(
            text,
            str(pem),
            NAMES[1],
            ",".join(f"DNS:{name}" for name in NAMES),
            "825",
        )
        keys.append(pem.read_text().partition("-----BEGIN CERTIFICATE")[0])
    state = parse_certificate(run(SCRIPT, str(pem)))
    assert state is not None
    assert keys[0] == keys[1]
    assert (state.names, state.self_signed, state.key_matches, state.mode) == (
        NAMES,
        True,
        True,
        "600",
    )
    assert timedelta(days=824) < state.not_after - NOW < timedelta(days=826)
    assert list(pem.parent.iterdir()) == [pem]

    certificate = "-----BEGIN CERTIFICATE" + pem.read_text().partition("-----BEGIN CERTIFICATE")[2]
    run(text, str(tmp_path / "other.pem"), NAMES[0], f"DNS:{NAMES[0]}", "825")
    other = (tmp_path / "other.pem").read_text().partition("-----BEGIN CERTIFICATE")[0]
    for key in ("", other):
        pem.write_text(key + certificate)
        state = parse_certificate(run(SCRIPT, str(pem)))
        assert state is not None
        assert not state.key_matches
