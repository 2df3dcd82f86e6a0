"""
An outside mail server for tests: keeps every message, with its envelope, in a Maildir.

Port 25 is an MX that offers STARTTLS. Port 587 is a smarthost that wants STARTTLS and AUTH.
A recipient `refused@…` gets a 550, `later@…` a 451, whatever the domain.
Runs in the peer container (python3-aiosmtpd from Debian); `sink.py list` prints what came.
"""

import asyncio
import base64
import json
import os
import socket
import ssl
import sys
import time
from pathlib import Path
from typing import Any

STORE = Path("/var/mail/sink")
USER, PASSWORD = b"relay", b"relaypass"
SIZE_LIMIT = 200 * 1024 * 1024


class Keeper:
    """aiosmtpd's handler: judges recipients, and stores."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.count = 0

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        """Take a recipient, or refuse it as its local part asks for."""
        local = address.partition("@")[0].lower()
        if local == "refused":
            return "550 5.1.1 no such user here"
        if local == "later":
            return "451 4.7.1 come back later"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Store the message as it came, then its envelope: what has an envelope is whole."""
        self.count += 1
        key = f"{time.time_ns()}.{self.port}_{self.count}.{socket.gethostname()}"
        cipher = session.ssl.get("cipher") if isinstance(session.ssl, dict) else None
        if server.transport is not None and cipher is None:
            cipher = server.transport.get_extra_info("cipher")
        about = {
            "key": key,
            "port": self.port,
            "client": session.peer[0],
            "helo": session.host_name,
            "mail_from": envelope.mail_from,
            "mail_options": envelope.mail_options,
            "rcpt_tos": envelope.rcpt_tos,
            "tls": cipher[1] if cipher else None,
            "auth_user": session.auth_data.login.decode() if session.authenticated else None,
            "time": time.time(),
        }
        (STORE / "tmp" / key).write_bytes(envelope.original_content)
        (STORE / "tmp" / key).rename(STORE / "new" / key)
        with (STORE / "envelopes").open("a") as file:
            file.write(json.dumps(about) + "\n")
        return f"250 2.0.0 kept as {key}"


def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> Any:
    """Let in the one user that the smarthost knows."""
    from aiosmtpd.smtp import AuthResult  # type: ignore[import-not-found]

    known = mechanism in ("LOGIN", "PLAIN") and (data.login, data.password) == (USER, PASSWORD)
    return AuthResult(success=known, handled=False, auth_data=data)


async def serve() -> None:
    """Listen on both ports until stopped, and tell systemd when that is so."""
    from aiosmtpd.smtp import SMTP

    for folder in ("tmp", "new", "cur"):
        (STORE / folder).mkdir(parents=True, exist_ok=True)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain("/opt/sink.pem", "/opt/sink.key")
    loop = asyncio.get_running_loop()
    common: dict[str, Any] = {
        "hostname": "mx.world.test",
        "ident": "sink",
        "tls_context": tls,
        "data_size_limit": SIZE_LIMIT,
        "enable_SMTPUTF8": True,
        "loop": loop,
    }
    smarthost = {"require_starttls": True, "auth_required": True, "authenticator": authenticate}
    servers = [
        await loop.create_server(lambda: SMTP(Keeper(25), **common), port=25),
        await loop.create_server(lambda: SMTP(Keeper(587), **common, **smarthost), port=587),
    ]
    if address := os.environ.get("NOTIFY_SOCKET"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.sendto(b"READY=1", address.replace("@", "\0", 1))
    await asyncio.gather(*(server.serve_forever() for server in servers))


def listing() -> None:
    """Print what came as JSON, each with the message itself in base64."""
    envelopes = STORE / "envelopes"
    lines = envelopes.read_text().splitlines() if envelopes.exists() else []
    kept = [json.loads(line) for line in lines]
    for about in kept:
        raw = (STORE / "new" / about["key"]).read_bytes()
        about["raw"] = base64.b64encode(raw).decode()
    print(json.dumps(kept))


if __name__ == "__main__":
    if sys.argv[1:] == ["list"]:
        listing()
    else:
        asyncio.run(serve())
