"""remote/renewal/certificate.sh: when which certificate replaces another."""

from __future__ import annotations

import re
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services import renewal
from tests.authority import ACME, FILES, NAMES, NOW, URL, certificate, key, with_tls

CA = certificate(("Authority",), 900, 800, key=1, by=1, ca=True)


class Host:
    """A folder that looks like a host to certificate.sh."""

    def __init__(self, root: Path, **tls: Any) -> None:
        self.pem = root / "etc/ssl/mail/mail.pem"
        self.cert, self.key = root / "chain.pem", root / "key.pem"
        for folder in ("etc/ssl/mail", "etc/mailhost", "state", "run"):
            (root / folder).mkdir(parents=True)
        text = Path("remote/renewal/certificate.sh").read_text()
        for path in ("/etc/ssl/mail/", "/etc/mailhost/", "/run/mailhost"):
            text = text.replace(path, f"{root}{path}")
        self.text = text.replace("/var/lib/mailhost-certificate", f"{root}/state")
        if tls["mode"] == "host-files":
            tls |= {"cert": str(self.cert), "key": str(self.key)}
        (root / "etc/mailhost/certificate.conf").write_text(renewal.conf(with_tls(**tls)))

    def has(self, pem: bytes, private: bytes, mark: str = f"# Issued by {URL}") -> None:
        self.pem.write_bytes(private + pem + mark.encode() + b"\n")

    def run(self, step: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-c", self.text, "certificate.sh", step],
            capture_output=True,
            text=True,
            check=False,
        )

    def due(self) -> str:
        done = self.run("due")
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.strip()


@pytest.mark.parametrize("life", [6, 45, 90])
def test_a_third_of_the_lifetime_is_left_when_it_is_renewed(tmp_path: Path, life: float) -> None:
    host = Host(tmp_path, **ACME)
    host.has(certificate(life=life, left=life / 3 + 0.01), key())
    assert host.due() == ""
    host.has(certificate(life=life, left=life / 3 - 0.01), key())
    end = NOW + timedelta(days=life / 3 - 0.01)
    assert host.due() == f"the present one ends on {end:%Y-%m-%d %H:%M} UTC"


def test_what_else_is_due(tmp_path: Path) -> None:
    host = Host(tmp_path, **ACME)
    assert host.due() == "there is no certificate with its key"
    host.has(certificate(), key(2))
    assert host.due() == "there is no certificate with its key"
    host.has(certificate(), key(), mark="# Issued by https://staging.example.net/directory")
    assert host.due() == f"the present one is not from {URL}"
    host.has(certificate(("mail.example.org", "imapXexample.org")), key())
    assert host.due() == "the present one is not for imap.example.org"
    host.has(certificate((*NAMES, "old.example.org")), key())
    assert host.due() == "", "a name less is no reason"
    (tmp_path / "state/renew").touch()
    assert host.due() == f"{tmp_path}/state/renew asks for it"


@pytest.mark.parametrize(
    ("chain", "private", "wrong"),
    [
        (certificate() + CA, key(2), "the key is not the certificate's"),
        (b"no certificate\n", key(), "the key is not the certificate's"),
        (certificate(NAMES[:1]) + CA, key(), "imap.example.org: .*[Hh]ostname mismatch"),
        (certificate(left=-1) + CA, key(), "mail.example.org: .*certificate has expired"),
        (certificate(by=2) + CA, key(), "mail.example.org: .*certificate signature failure"),
        (certificate(issuer="Other") + CA, key(), "unable to get (local )?issuer certificate"),
    ],
    ids=["key", "no certificate", "name", "end", "signature", "issuer"],
)
def test_what_is_wrong_is_not_put_in_place(
    tmp_path: Path, chain: bytes, private: bytes, wrong: str
) -> None:
    host = Host(tmp_path, **FILES)
    host.text = host.text.replace("sleep 1", "break")
    host.has(certificate(), key())
    before = host.pem.read_bytes()
    host.cert.write_bytes(chain)
    host.key.write_bytes(private)
    done = host.run("renew")
    assert done.returncode == 1
    assert re.search(f"The new certificate is not put in place: .*{wrong}", done.stderr)
    assert host.pem.read_bytes() == before
    assert [path.name for path in host.pem.parent.iterdir()] == ["mail.pem"]
    assert list((tmp_path / "state").iterdir()) == []


def test_files_of_other_software_are_followed(tmp_path: Path) -> None:
    host = Host(tmp_path, **FILES)
    host.cert.write_bytes(certificate() + CA)
    host.key.write_bytes(key())
    assert host.due() == "there is no certificate with its key"
    assert host.run("renew").returncode == 0
    mark = f"# From {host.cert}\n".encode()
    assert host.pem.read_bytes() == key() + host.cert.read_bytes() + mark
    assert oct(host.pem.stat().st_mode) == "0o100600"
    assert host.due() == ""
    host.cert.write_bytes(certificate() + CA)
    assert host.due() == f"{host.cert} and {host.key} are others"
