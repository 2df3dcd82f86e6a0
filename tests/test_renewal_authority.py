"""remote/renewal/responder.py and account.py: what an authority gets from the host."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from renewal import account, responder

from tests.authority import KEYS, URL, key


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
