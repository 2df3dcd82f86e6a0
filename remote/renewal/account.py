"""
Written by mailhost. Makes an ACME account for an authority that wants an external account binding
(RFC 8555, section 7.3.4): account.py DIRECTORY KEY EMAIL KID, with the HMAC key on standard input.

uacme(1) would take the HMAC key as an argument, which everybody on the host can read. It finds the
account that is made here by its key, which is made where there is none.
"""

import base64
import hmac
import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

BAD_NONCE = "urn:ietf:params:acme:error:badNonce"
TYPE = {"Content-Type": "application/jose+json"}


def encoded(data: bytes) -> str:
    """Return base64url without padding (RFC 7515)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def as_text(data: object) -> str:
    return encoded(json.dumps(data).encode())


def openssl(*arguments: str, data: bytes = b"") -> bytes:
    return subprocess.run(
        ["openssl", *arguments], input=data, stdout=subprocess.PIPE, check=True
    ).stdout


def public(key: Path) -> dict[str, str]:
    """Return the public half of a P-256 key as a JWK: the last 64 bytes of its DER form."""
    point = openssl("pkey", "-in", str(key), "-pubout", "-outform", "DER")[-64:]
    return {"crv": "P-256", "kty": "EC", "x": encoded(point[:32]), "y": encoded(point[32:])}


def signature(key: Path, data: bytes) -> bytes:
    """Return an ES256 signature: the two numbers of the DER form, 32 bytes each (RFC 7518)."""
    der = openssl("dgst", "-sha256", "-sign", str(key), data=data)
    length = der[3]
    numbers = der[4 : 4 + length], der[6 + length :]
    return b"".join(number.lstrip(b"\0").rjust(32, b"\0") for number in numbers)


def signed(protected: dict[str, Any], payload: str, sign: Any) -> dict[str, str]:
    """Return a flattened JWS."""
    head = as_text(protected)
    made = sign(f"{head}.{payload}".encode())
    return {"protected": head, "payload": payload, "signature": encoded(made)}


def fetch(url: str, body: bytes | None = None) -> tuple[dict[str, Any], str]:
    """Return an answer's JSON, and the nonce that came with it."""
    request = urllib.request.Request(url, body, TYPE if body else {})
    with urllib.request.urlopen(request, timeout=60) as response:
        text = response.read()
        return json.loads(text or b"{}"), response.headers.get("Replay-Nonce", "")


def register(directory: str, key: Path, email: str, kid: str, secret: bytes) -> None:
    """Make the account; one that is there already is fine (section 7.3.1)."""
    places, _ = fetch(directory)
    url = places["newAccount"]
    binding = signed(
        {"alg": "HS256", "kid": kid, "url": url},
        as_text(public(key)),
        lambda data: hmac.digest(secret, data, "sha256"),
    )
    account: dict[str, Any] = {"termsOfServiceAgreed": True, "externalAccountBinding": binding}
    if email:
        account["contact"] = [f"mailto:{email}"]
    _, nonce = fetch(places["newNonce"])
    for attempt in range(5):
        head = {"alg": "ES256", "jwk": public(key), "nonce": nonce, "url": url}
        body = json.dumps(signed(head, as_text(account), lambda data: signature(key, data)))
        try:
            fetch(url, body.encode())
            return
        except urllib.error.HTTPError as error:
            nonce = error.headers.get("Replay-Nonce", "")
            problem = json.load(error)
            if problem.get("type") != BAD_NONCE or attempt == 4:
                sys.exit(f"no account at {url}: {problem.get('detail', error)}")


def main(directory: str, path: str, email: str, kid: str) -> None:
    """Register with the key on standard input."""
    key, secret = Path(path), sys.stdin.read().strip()
    if not key.exists():
        key.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        curve = ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
        key.write_bytes(openssl("genpkey", *curve))
    try:
        padded = secret + "=" * (-len(secret) % 4)
        register(directory, key, email, kid, base64.urlsafe_b64decode(padded))
    except (OSError, ValueError, KeyError) as error:
        sys.exit(f"no account at {directory}: {error}")


if __name__ == "__main__":
    main(*sys.argv[1:])
