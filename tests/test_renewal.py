"""services/renewal.py and remote/renewal: when which certificate replaces another."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import subprocess
from base64 import urlsafe_b64decode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from renewal import account, responder

from facts.firewall import RULES
from facts.live import LiveState
from facts.machine import MachineState
from facts.tls import CertificateDue, CertificateState
from operations.certificate import renew
from preflight import settings_and_problems
from services import renewal
from settings.models import Settings
from tasks.checks import tls
from tasks.checks.finding import Status
from tasks.drifts import network
from tests.fake import commands
from tests.inventory import data, settings
from tests.plan import packages, texts

URL = "https://acme.example.net/directory"
NAMES = ("mail.example.org", "imap.example.org")
ACME = {"mode": "acme", "directory_url": URL}
FILES = {"mode": "host-files", "cert": "/etc/acme/chain.pem", "key": "/etc/acme/key.pem"}
TSIG = 'key "acme" {\n\talgorithm hmac-sha256;\n\tsecret "c2VjcmV0";\n};\n'
NOW = datetime.now(UTC)


def with_tls(**tls: Any) -> Settings:
    return settings(mail_tls=tls, mail_client_names=["imap"])


# ---- settings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tls", "line"),
    [
        (
            {"reuse_key": True},
            "mail_tls.reuse_key: is for an authority; add 'mode': 'acme', or leave it out",
        ),
        (
            {**FILES, "email": "admin@example.org"},
            "mail_tls.email: is for an authority; add 'mode': 'acme', or leave it out",
        ),
        ({**ACME, "cert": "x"}, "mail_tls: cert and key are for files; add 'mode': 'files'"),
        ({"mode": "host-files"}, "mail_tls.key: is missing; 'host-files' needs both cert and key"),
        (
            {**FILES, "cert": "~/chain.pem"},
            "mail_tls.cert: '~/chain.pem' is no path on the host; write one that begins with /",
        ),
        (
            {**ACME, "directory_url": "http://acme.test/"},
            "mail_tls.directory_url: 'http://acme.test/' is no https:// address; write the "
            "authority's directory",
        ),
        (
            {**ACME, "email": 'a"b@example.org'},
            "mail_tls.email: 'a\"b@example.org' is no mail address; write one like "
            "admin@example.org",
        ),
        (
            {**ACME, "dns_server": "-k /etc/shadow"},
            "mail_tls.dns_server: '-k /etc/shadow' is no name server; write one like "
            "ns1.example.net",
        ),
        (
            {**ACME, "dns_server": "ns.example.net"},
            "mail_tls.dns_key: is missing; dns_server needs it",
        ),
        (
            {**ACME, "eab_kid": "kid-1"},
            "mail_tls.eab_key: is missing; eab_kid needs it",
        ),
        (
            {**ACME, "hook": "/etc/hostname"},
            "mail_tls.hook: is no program that begins with #!; name a file that is one",
        ),
        (
            {**ACME, "dns_server": "ns.example.net", "dns_key": "/etc/hostname"},
            "mail_tls.dns_key: is no TSIG key as `tsig-keygen` prints it; name a file that is one",
        ),
        (
            {**ACME, "dns_server": "ns.example.net", "hook": "/etc/hostname"},
            "mail_tls.hook: dns_server answers the authority already; keep one of the two",
        ),
    ],
)
def test_a_contradiction(tls: dict[str, Any], line: str) -> None:
    assert line in settings_and_problems(data(mail_tls=tls))[1]


def test_caa_may_not_forbid_the_default_authority() -> None:
    inventory = data(mail_tls={"mode": "acme"}, mail_caa_issuers=["sectigo.com"])
    assert settings_and_problems(inventory)[1] == [
        "mail_caa_issuers: forbids Let's Encrypt, where mail_tls gets its certificate; add "
        "'letsencrypt.org', or name another directory_url"
    ]
    inventory["mail_tls"] = ACME
    assert settings_and_problems(inventory)[1] == []


def test_a_web_server_on_port_80_is_named() -> None:
    machine = MachineState(reachable={"80/tcp": "nginx"})
    (line,) = renewal.obstacles(with_tls(**ACME), machine)
    assert line == (
        "mail_tls: an authority asks on port 80, which nginx listens on; stop that, or set "
        "dns_server, or a hook that answers by it"
    )
    assert renewal.obstacles(with_tls(**ACME, hook="/x"), machine) == []
    assert renewal.obstacles(with_tls(), machine) == []


def test_only_what_answers_on_port_80_opens_it(tmp_path: Path) -> None:
    opened = "tcp dport @challenge accept"
    assert opened in (texts(with_tls(**ACME))[RULES] or "")
    hook = tmp_path / "hook"
    hook.write_text("#!/bin/sh\n")
    for other in (FILES, {"mode": "self-signed"}, {**ACME, "hook": str(hook)}):
        assert opened not in (texts(with_tls(**other))[RULES] or "")
    assert "uacme" in packages(with_tls(**ACME))
    assert "uacme" not in packages(with_tls(**FILES))


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


# ---- the host's script --------------------------------------------------------------------------

KEYS = [ec.generate_private_key(ec.SECP256R1()) for _ in range(3)]


def certificate(
    names: tuple[str, ...] = NAMES,
    life: float = 90,
    left: float = 60,
    issuer: str = "Authority",
    key: int = 0,
    by: int = 1,
    ca: bool = False,
) -> bytes:
    """Return a certificate; `life` and `left` are days."""
    end = NOW + timedelta(days=left)
    builder = x509.CertificateBuilder(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])]),
        KEYS[key].public_key(),
        x509.random_serial_number(),
        end - timedelta(days=life),
        end,
    )
    if ca:
        builder = builder.add_extension(x509.BasicConstraints(True, None), True)
    else:
        sans = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        builder = builder.add_extension(sans, False).add_extension(usage, False)
    return builder.sign(KEYS[by], hashes.SHA256()).public_bytes(Encoding.PEM)


def key(number: int = 0) -> bytes:
    return KEYS[number].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


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


# ---- the responder on port 80, and external accounts --------------------------------------------


def test_only_tokens_are_served(tmp_path: Path) -> None:
    (tmp_path / "to_k-en").write_text("to_k-en.thumbprint")
    (tmp_path.parent / "secret").write_text("secret")
    place = "/.well-known/acme-challenge"

    def get(path: str) -> str:
        request = f"GET {path} HTTP/1.1\r\nHost: mail.example.org\r\n\r\n"
        return responder.response(request.encode(), tmp_path).decode()

    assert get(f"{place}/to_k-en").startswith("HTTP/1.0 200 OK\r\n")
    assert get(f"{place}/to_k-en").endswith("\r\n\r\nto_k-en.thumbprint")
    for path in ("/", f"{place}/", f"{place}/other", f"{place}/../secret", f"{place}/%2e%2e/x"):
        assert get(path).startswith("HTTP/1.0 404 Not Found\r\n")
    assert responder.response(b"\xff\0", tmp_path).startswith(b"HTTP/1.0 404")


def decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_an_account_is_bound_to_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(key())
    sent: dict[str, Any] = {}

    def fetch(url: str, body: bytes | None = None) -> tuple[dict[str, Any], str]:
        if body:
            sent.update(json.loads(body))
        return {"newAccount": f"{URL}/new", "newNonce": f"{URL}/nonce"}, "nonce-1"

    monkeypatch.setattr(account, "fetch", fetch)
    account.register(URL, path, "admin@example.org", "kid-1", b"secret")
    head, payload = json.loads(decoded(sent["protected"])), json.loads(decoded(sent["payload"]))
    assert (head["nonce"], head["url"], head["alg"]) == ("nonce-1", f"{URL}/new", "ES256")
    made = decoded(sent["signature"])
    numbers = (int.from_bytes(made[:32], "big"), int.from_bytes(made[32:], "big"))
    signed = f"{sent['protected']}.{sent['payload']}".encode()
    KEYS[0].public_key().verify(encode_dss_signature(*numbers), signed, ec.ECDSA(hashes.SHA256()))
    binding = payload["externalAccountBinding"]
    assert json.loads(decoded(binding["protected"])) == {
        "alg": "HS256",
        "kid": "kid-1",
        "url": f"{URL}/new",
    }
    assert json.loads(decoded(binding["payload"])) == head["jwk"]
    text = f"{binding['protected']}.{binding['payload']}".encode()
    assert decoded(binding["signature"]) == hmac.digest(b"secret", text, hashlib.sha256)
    assert payload["contact"] == ["mailto:admin@example.org"]
