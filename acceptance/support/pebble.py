"""
A certification authority in the peer: Pebble, by which Let's Encrypt lets clients be tested. As it
is by default, it rejects a good nonce now and then, and takes its time to look.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from acceptance.support.mailhost import MailHost
from layout import PEM
from testbed.wait import wait_until

NAME = "acme.world.test"
URL = f"https://{NAME}:14000/dir"
EAB = ("kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W")
_FOLDER = "/run/pebble"
_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
_DYNAMIC = """
key "acme" { algorithm hmac-sha256; secret "KEY"; };
zone "_acme-challenge.mail.example.test" { type primary; file "/var/cache/bind/mail"; ALLOW };
zone "_acme-challenge.imap.example.test" { type primary; file "/var/cache/bind/imap"; ALLOW };
"""
_ZONE = "$TTL 60\n@ SOA ns.world.test. x.world.test. 1 60 60 60 5\n@ NS ns.world.test.\n"

TlsSettings = dict[str, Any]  # keys of mail_tls


def own_certificate() -> tuple[str, str]:
    """Return a certificate for the authority's own HTTPS, which vouches for itself, and its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    names = x509.SubjectAlternativeName([x509.DNSName(NAME)])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=9))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM).decode(), pem.decode()


class Pebble:
    """Pebble, and the host's trust in its HTTPS, and in nobody else's: uacme reads all it has."""

    def __init__(self, host: MailHost) -> None:
        self.host, self.peer = host, host.peer
        self.certificate, key = own_certificate()
        for name, text in (("cert.pem", self.certificate), ("key.pem", key)):
            self.peer.exec("sh", "-c", f"mkdir -p {_FOLDER}; cat > {_FOLDER}/{name}", input=text)
        host.run(
            "sh", "-c", f"cp -n {_BUNDLE} /root/bundle; cat > {_BUNDLE}", input=self.certificate
        )

    def start(self, days: float = 90, bound: bool = False) -> None:
        """
        Begin anew, without an account, with other roots.

        + days: lifetime of what it issues
        + bound: whether an account needs another one elsewhere
        """
        self.stop()
        config = {
            "listenAddress": "0.0.0.0:14000",
            "managementListenAddress": "0.0.0.0:15000",
            "certificate": f"{_FOLDER}/cert.pem",
            "privateKey": f"{_FOLDER}/key.pem",
            "httpPort": 80,
            "tlsPort": 443,
            "certificateValidityPeriod": int(days * 86400),
            "externalAccountBindingRequired": bound,
            "externalAccountMACKeys": dict([EAB]),
        }
        text = json.dumps({"pebble": config})
        self.peer.exec("sh", "-c", f"cat > {_FOLDER}/config.json", input=text)
        # Left alone, Pebble refuses each twentieth nonce, which uacme does not bear for long.
        run = ("systemd-run", "-q", "--collect", "--unit=pebble", "-E", "PEBBLE_WFE_NONCEREJECT=0")
        pebble = ("pebble", "-strict", "-config", f"{_FOLDER}/config.json")
        self.peer.exec(*run, *pebble, "-dnsserver", "127.0.0.1:53")
        wait_until(self.root, 10, "Pebble serves")

    def stop(self) -> None:
        """Be out of reach."""
        self.peer.exec("systemctl", "stop", "pebble", check=False)

    def root(self) -> str:
        """Return the root of what it issues at present."""
        return self._ask("roots/0")

    def status(self, certificate: x509.Certificate) -> str:
        """Return what it says of a certificate of its own: "Valid" or "Revoked"."""
        said = self._ask(f"cert-status-by-serial/{certificate.serial_number:x}")
        return str(json.loads(said)["Status"])

    def _ask(self, path: str) -> str:
        get = ("curl", "-sf", "--cacert", f"{_FOLDER}/cert.pem", "--resolve")
        place = f"https://{NAME}:15000/{path}"
        return self.peer.exec(*get, f"{NAME}:15000:127.0.0.1", place, check=False)

    def requests(self) -> int:
        """Return how many requests it got since it began."""
        log = self.peer.exec("journalctl", "-q", "-o", "cat", "-u", "pebble", "--no-pager")
        _, _, last = log.rpartition("Starting Pebble ACME server")
        return last.count("/dir") + last.count("POST /")

    def forget(self) -> None:
        """Stop, and take the host's trust away."""
        self.stop()
        self.host.run("sh", "-c", f"mv -f /root/bundle {_BUNDLE}")

    @contextmanager
    def answered_by_dns(self, folder: Path) -> Iterator[TlsSettings]:
        """
        Have the peer's BIND take the host's answers, by a key.

        + folder: for files of the control machine

        Yields the settings for it, and for an account that is bound to one elsewhere.
        """
        (folder / "eab").write_text(f"{EAB[1]}\n")
        key = self.peer.exec("tsig-keygen", "-a", "hmac-sha256", "acme")
        (folder / "tsig").write_text(key)
        for name in ("mail", "imap"):
            self.peer.exec("sh", "-c", f"cat > /var/cache/bind/{name}", input=_ZONE)
            self.peer.exec("chown", "bind:", f"/var/cache/bind/{name}")
        (secret,) = re.findall('secret "(.*)"', key)
        zones = _DYNAMIC.replace("KEY", secret).replace("ALLOW", "allow-update { key acme; };")
        self.peer.exec("sh", "-c", "cat > /etc/bind/dynamic.conf; rndc reconfig", input=zones)
        yield {
            "dns_server": "ns.world.test",
            "dns_key": str(folder / "tsig"),
            "eab_kid": EAB[0],
            "eab_key": str(folder / "eab"),
            "reuse_key": True,
        }
        self.peer.exec(
            "sh", "-c", ": > /etc/bind/dynamic.conf; rndc reconfig; rm -f /var/cache/bind/*.jnl"
        )


def put_in_place(host: MailHost, name: str, left: float) -> None:
    """Have another certificate in place of the present one, not read by anybody yet."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    x = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    made = (
        x509.CertificateBuilder(x, x, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=90))
        .not_valid_after(now + timedelta(days=left))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pem += made.public_bytes(Encoding.PEM) + f"# Issued by {URL}\n".encode()
    host.run("sh", "-c", f"cat > {PEM}", input=pem.decode())
