"""A deployed target as a test sees it: deployed by the CLI, talked to by real mail clients."""

from __future__ import annotations

import contextlib
import imaplib
import json
import os
import poplib
import re
import smtplib
import ssl
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from functools import partial
from pathlib import Path
from typing import Any

from acceptance import cli
from testbed.container import restarted
from testbed.peer import Peer
from testbed.progress import only_one
from testbed.targets import Target
from testbed.wait import wait_until

ROOT = Path(__file__).resolve().parent.parent
HOSTNAME = "mail.example.test"
DOMAINS = ("example.test", "second.test")
#: Every user's password, for targets on this machine only. "ü" and ":" are what breaks parsers.
PASSWORDS = {
    "alice@example.test": "alice-pässwörd",
    "bob@example.test": "bob: pass:word",
    "carol@second.test": "carol-password",
}


def lenient_tls() -> ssl.SSLContext:
    """
    TLS without verification, which is the business of acceptance/test_tls.py, and without the
    authorities of this machine, whose loading takes longer than a handshake.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def message(subject: str, sender: str, *recipients: str, text: str = "Hello\n") -> EmailMessage:
    """Return a plain message with Date and Message-ID."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, ", ".join(recipients), subject
    mail["Date"], mail["Message-ID"] = formatdate(), make_msgid(domain="client.test")
    mail.set_content(text)
    return mail


@dataclass(frozen=True)
class Run:
    """One run of the pyinfra CLI: exit code, output, and which operations changed something."""

    code: int
    output: str
    changed: list[str]
    total: int


@dataclass
class MailHost:
    """A target with the inventory that it is deployed with, and clients for its services."""

    release: int
    target: Target
    peer: Peer
    inventory: Path
    by_docker: bool = False  # else over SSH
    forks: bool = True  # runs of the CLI begin in acceptance/cli.py, else from nothing
    plain: bool = False  # the last run deployed the inventory as it is
    provoked: list[tuple[float, float]] = field(default_factory=list)  # when services were killed
    hostname: str = HOSTNAME
    domains: tuple[str, ...] = DOMAINS
    passwords: dict[str, str] = field(default_factory=lambda: dict(PASSWORDS))

    @property
    def name(self) -> str:
        """What the inventory, and so pyinfra, calls it."""
        return inventory_name(self.target, self.by_docker)

    # ---- the deploy ---------------------------------------------------------------------------
    def pyinfra(self, *arguments: str, timeout: float = 600) -> subprocess.CompletedProcess[str]:
        """Run pyinfra's CLI against this host, as a user would: from the repository's root."""
        if self.forks:
            return cli.run(self.command(*arguments), timeout=timeout)
        return subprocess.run(
            self.command(*arguments),
            cwd=ROOT,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=timeout,
            check=False,
        )

    def command(self, *arguments: str, inventory: Path | None = None) -> list[str]:
        """Return the command line of `pyinfra INVENTORY …`."""
        pyinfra = Path(sys.executable).with_name("pyinfra")
        return [os.fspath(pyinfra), os.fspath(inventory or self.inventory), *arguments]

    def deploy(self, file: str = "deploy.py", **data: Any) -> Run:
        """Run a deploy file; `data` replaces keys of the inventory (`--data`)."""
        result = self.pyinfra(file, "-y", "--json", *data_arguments(data))
        operations: list[dict[str, Any]] = []
        if result.returncode == 0:
            operations = json.loads(result.stdout)["results"]["operations"]
        self.plain = result.returncode == 0 and not data
        return Run(
            code=result.returncode,
            output=result.stdout + result.stderr,
            changed=[operation["name"] for operation in operations if operation["success"]],
            total=len(operations),
        )

    def must_deploy(self, **data: Any) -> Run:
        """Deploy; a failure shows the run and the target's journal."""
        run = self.deploy(**data)
        assert run.code == 0, f"{run.output}\n{self.target.journal()}"
        assert run.total > 0
        return run

    def be_plain(self) -> None:
        """Deploy the inventory as it is, where the last run deployed another."""
        if not self.plain:
            self.must_deploy()

    def fact(self, name: str, *arguments: str) -> Any:
        """Read a fact by the CLI: `pyinfra INVENTORY fact NAME --json`."""
        (value,) = self._facts(name, *arguments)
        return value

    def facts(self, *names: str) -> dict[str, Any]:
        """Read several facts by one call of the CLI; return name -> value."""
        return dict(zip(names, self._facts(*names), strict=True))

    def _facts(self, *arguments: str) -> list[Any]:
        result = self.pyinfra("fact", *arguments, "--json")
        assert result.returncode == 0, result.stderr
        per_fact = json.loads(result.stdout).values()
        return [value for per_host in per_fact for value in per_host.values()]

    def dns(self, **data: Any) -> tuple[str, dict[str, str]]:
        """Run tasks/dns.py; return what it prints, and each zone file by the zone's name."""
        with only_one("acceptance-dns"):  # every target has the same host name, so the same files
            result = self.pyinfra("tasks/dns.py", "-y", *data_arguments(data))
            assert result.returncode == 0, result.stderr
            files = (ROOT / "build/dns" / self.hostname).glob("*.zone")
            return result.stderr, {file.stem: file.read_text() for file in files}

    def reboot(self, kill: bool = False) -> None:
        """Boot the host again: after a shutdown, or after SIGKILL of everything on it."""
        ssh = self.target.ports.get(22)
        self.target = restarted(self.target, kill)
        inventory = self.inventory.read_text()
        port = f"'ssh_port': {self.target.ports.get(22)}"
        self.inventory.write_text(inventory.replace(f"'ssh_port': {ssh}", port))

    # ---- the host's own tools -------------------------------------------------------------------
    def run(self, *argv: str, input: str | None = None, check: bool = True) -> str:
        """Run a command on the target and return its output."""
        return self.target.exec(*argv, input=input, check=check)

    def pids(self) -> dict[str, int]:
        """Return the main process of each service, from the service's own files."""
        main = "systemctl show -p MainPID --value"
        text = self.run(
            "sh",
            "-c",
            f"{main} opendkim; {main} dovecot; cat /var/spool/postfix/pid/master.pid",
        )
        opendkim, dovecot, postfix = (int(word) for word in text.split())
        return {"opendkim": opendkim, "dovecot": dovecot, "postfix": postfix}

    # ---- clients ------------------------------------------------------------------------------
    def port(self, port: int) -> int:
        """Return the port on 127.0.0.1 that a port of the target is published at."""
        return self.target.ports[port]

    @contextlib.contextmanager
    def smtp(
        self, port: int = 465, user: str | None = None, timeout: float = 60
    ) -> Iterator[smtplib.SMTP]:
        """An SMTP session: 465 in TLS, 587 after STARTTLS, 25 in the clear; logged in as `user`."""
        client: smtplib.SMTP
        where = ("127.0.0.1", self.port(port))
        if port == 465:
            client = smtplib.SMTP_SSL(*where, context=lenient_tls(), timeout=timeout)
        else:
            client = smtplib.SMTP(*where, timeout=timeout)
        with client:
            client.ehlo("client.test")
            if port == 587:
                client.starttls(context=lenient_tls())
                client.ehlo("client.test")
            if user:
                # smtplib's own login takes ASCII passwords only.
                code, answer = client.docmd("AUTH PLAIN", b64encode(self._plain(user)).decode())
                if code != 235:
                    raise smtplib.SMTPAuthenticationError(code, answer)
            yield client

    def send(self, mail: EmailMessage, user: str = "alice", port: int = 465) -> None:
        """Submit a message as a user."""
        with self.smtp(port, user) as client:
            client.send_message(mail)

    @contextlib.contextmanager
    def imap(self, user: str, port: int = 993) -> Iterator[imaplib.IMAP4]:
        """A logged-in IMAP session."""
        client: imaplib.IMAP4
        if port == 993:
            client = imaplib.IMAP4_SSL("127.0.0.1", self.port(port), ssl_context=lenient_tls())
        else:
            client = imaplib.IMAP4("127.0.0.1", self.port(port))
            client.starttls(lenient_tls())
        with client:
            client.authenticate("PLAIN", lambda _: self._plain(user))
            yield client

    def _plain(self, user: str) -> bytes:
        return f"\0{user}\0{self.passwords[self.address(user)]}".encode()

    def address(self, user: str) -> str:
        """Return a login as a full address."""
        return user if "@" in user else f"{user}@{self.domains[0]}"

    @contextlib.contextmanager
    def pop3(self, user: str, port: int = 995) -> Iterator[poplib.POP3]:
        """A logged-in POP3 session."""
        client: poplib.POP3
        if port == 995:
            client = poplib.POP3_SSL("127.0.0.1", self.port(port), context=lenient_tls())
        else:
            client = poplib.POP3("127.0.0.1", self.port(port))
            client.stls(lenient_tls())
        client.encoding = "utf-8"
        client.user(user)
        client.pass_(self.passwords[self.address(user)])
        try:
            yield client
        finally:
            client.quit()

    def login_refusals(self, user: str, password: str) -> dict[str, str]:
        """Return how IMAP, POP3 and submission refuse a login; what takes it is missing."""
        intruder = replace(self, passwords={self.address(user): password})
        logins = {"imap": intruder.imap, "pop3": intruder.pop3, "smtp": partial(intruder.smtp, 465)}

        def refusal(login: Callable[[str], AbstractContextManager[object]]) -> str | None:
            try:
                with login(user):
                    return None
            except (imaplib.IMAP4.error, poplib.error_proto, smtplib.SMTPException) as error:
                return str(error)

        # At the same time, since Dovecot makes each failed login wait, and the next one longer.
        with ThreadPoolExecutor() as threads:
            answers = dict(zip(logins, threads.map(refusal, logins.values()), strict=True))
        return {service: answer for service, answer in answers.items() if answer}

    def search(self, user: str, subject: str, folder: str = "INBOX") -> list[bytes]:
        """Return the messages with this subject, whole, as IMAP shows them."""
        with self.imap(user) as client:
            client.select(folder, readonly=True)
            _, (found,) = client.search(None, "SUBJECT", f'"{subject}"')
            messages = []
            for number in found.split():
                _, parts = client.fetch(number.decode(), "(BODY.PEEK[])")
                part = parts[0]
                assert isinstance(part, tuple)
                messages.append(part[1])
            return messages

    def wait_for(self, user: str, subject: str, timeout: float = 20) -> bytes:
        """Return the message with this subject as soon as IMAP shows it in the inbox."""
        found = wait_until(
            lambda: self.search(user, subject), timeout, f"mail {subject!r} for {user}"
        )
        return found[0]

    def log(self, pattern: str, since: float = 0) -> list[str]:
        """Return the journal's lines that match a regular expression, since a time of the epoch."""
        lines = self.run("journalctl", "--no-pager", "-o", "cat", f"--since=@{since}").splitlines()
        return [line for line in lines if re.search(pattern, line)]


def inventory_name(target: Target, by_docker: bool) -> str:
    """Return a target's name in an inventory, by which it is reached over Docker or over SSH."""
    return f"@docker/{target.name}" if by_docker else target.name


def over_ssh(target: Target, key: Path) -> dict[str, object]:
    """
    Return the inventory data of a target that is reached over SSH with a key: Debian 13 as a user
    who may sudo, Debian 12 as root, as most new VPS are.
    """
    user = {"ssh_user": "root"} if target.release == 12 else {"ssh_user": "admin", "_sudo": True}
    return user | {
        "ssh_hostname": "127.0.0.1",
        "ssh_port": target.ports[22],
        "ssh_key": str(key),
        "ssh_strict_host_key_checking": "no",
        "ssh_known_hosts_file": "/dev/null",
    }


def data_arguments(data: Mapping[str, object]) -> list[str]:
    """Return inventory keys as arguments of pyinfra's `--data`."""
    return [
        word for key, value in data.items() for word in ("--data", f"{key}={json.dumps(value)}")
    ]
