"""No secret anywhere but where it belongs: looked for while it is deployed, and afterwards."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from acceptance.support.mailhost import MailHost
from acceptance.support.tls import issue
from tasks.password import sha512_crypt
from testbed.inventory import DOMAINS, HASHES, PASSWORDS, ROOT, write_inventory
from testbed.messages import message
from testbed.wait import wait_until

PROGRAM = (Path(__file__).parent / "programs" / "secret_search.py").read_text()
RELAY_PASSWORD, MISTYPED = "smarthost-pässword", "mistyped-password"
#: All that need no argument.
FACTS = (
    *("postfix.Postconf", "postfix.PostconfMaster", "postfix.Queue", "dovecot.Doveconf"),
    *("dovecot.DoveadmUsers", "dovecot.DoveadmMailboxStatus", "dovecot.DoveadmWho"),
    "dovecot.DoveadmLogins",
    *("health.Health", "mailboxes.Mailboxes", "opendkim.SigningKeys", "services.Services"),
    *("machine.Machine", "tls.Certificate"),
)
PLAN = ("deploy.py", "--dry", "--diff", "-vvv")
DEPLOY = ("deploy.py", "-y", "--json", "--diff", "-vvv")
READ = ("fact", *(f"facts.{each}" for each in FACTS), "--json", "-vvv")
CHECK, SCORE = ("tasks/check.py", "-y", "-vvv"), ("tasks/score.py", "-y", "-vvv")
#: On 13 by SSH and sudo, whose every command line is in the journal; on 12 what differs there.
RUNS = {13: (PLAN, DEPLOY, READ, CHECK, SCORE), 12: (DEPLOY, SCORE)}
FOLDERS = {
    "folders": ["/etc", "/run", "/tmp", "/dev/shm", "/var", "/root", "/home", "/usr/local"],
    "except": ["/var/lib/apt", "/var/lib/dpkg", "/var/cache", "/var/log/journal", "/run/udev"],
}


def lines(label: str, text: str) -> dict[str, str]:
    """Return each line of a private key as a secret; any of them gives it away."""
    wanted = [line for line in text.splitlines() if len(line) > 40]
    assert wanted, label
    return {f"{label}, line {number}": line for number, line in enumerate(wanted)}


def digest(password_hash: str) -> str:
    """Return what a crypt(5) hash is after method, cost and salt."""
    return password_hash.rpartition("$")[2]


class Place:
    """A machine to look for secrets at: the target, or this one."""

    def __init__(self, secrets: dict[str, str], host: MailHost | None = None) -> None:
        self.secrets, self.host = secrets, host

    def search(self, **where: object) -> list[str]:
        """Run acceptance/programs/secret_search.py there."""
        wanted = json.dumps({"secrets": self.secrets, **where})
        if self.host:
            said = self.host.run("python3", "-c", PROGRAM, input=wanted)
        else:
            command = [sys.executable, "-c", PROGRAM]
            done = subprocess.run(command, input=wanted, capture_output=True, text=True, check=True)
            said = done.stdout
        found = json.loads(said)
        assert isinstance(found, list)
        return found

    @contextmanager
    def watched(self, path: str, **where: object) -> Iterator[list[str]]:
        """Watch the processes there meanwhile; what was seen is in the list afterwards."""
        seen: list[str] = []
        shell = self.host.run if self.host else local
        with ThreadPoolExecutor(1) as threads:
            job = threads.submit(lambda: self.search(watch=path, **where))
            there = f"test -e {path} && echo yes || :"
            wait_until(lambda: job.done() or shell("sh", "-c", there), 20, "a watcher")
            try:
                yield seen
            finally:
                shell("rm", path)
                seen += job.result()


def local(*argv: str) -> str:
    """Run a command on this machine."""
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def planted(host: MailHost, tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """An inventory with one more user, a certificate and a smarthost; and its secrets."""
    _, cert, key = issue(tmp_path)
    login = tmp_path / "smarthost"
    login.write_text(f"relay:{RELAY_PASSWORD}\n")
    hashes = {**HASHES, f"dora@{DOMAINS[0]}": sha512_crypt("dora's password")}
    ((name, data),) = runpy.run_path(str(host.inventory))["mail"]
    changes = {
        "mail_users": {user: {"password_hash": each} for user, each in hashes.items()},
        "mail_tls": {"mode": "files", "cert": str(cert), "key": str(key)},
        "mail_relayhost": "smarthost.world.test:587",
        "mail_relayhost_credentials": str(login),
    }
    inventory = host.inventory.with_name(f"{host.target.name}-secrets.py")
    write_inventory(inventory, {name: data | changes})
    secrets = {
        **{f"password of {user}": each for user, each in PASSWORDS.items()},
        "password of dora": "dora's password",
        "a mistyped password": MISTYPED,
        **{f"hash of {user}": digest(each) for user, each in hashes.items()},
        "smarthost": RELAY_PASSWORD,
        **lines("TLS key", key.read_text()),
        "SRS": host.run("cat", "/etc/postsrsd.secret").strip(),
    }
    for domain in DOMAINS:
        text = host.run("cat", f"/etc/dkimkeys/{domain}/default.private")
        secrets |= lines(f"DKIM key of {domain}", text)
    with host.restored():
        yield inventory, secrets
    inventory.unlink()


def test_no_secret_is_anywhere_else(
    host: MailHost, planted: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    inventory, secrets = planted
    host = replace(host, inventory=inventory)
    control, target = Place(secrets), Place(secrets, host)
    shown = ""
    with (
        target.watched("/run/mailhost-watch") as seen_there,
        control.watched(str(tmp_path / "watch"), under=os.getpid()) as seen_here,
    ):
        for arguments in RUNS[host.release]:
            result = host.pyinfra(*arguments)
            assert result.returncode == 0 or "check" in arguments[0], result.stderr
            shown += result.stdout + result.stderr
        everybody = replace(
            host, passwords=host.passwords | {f"dora@{DOMAINS[0]}": "dora's password"}
        )
        everybody.send(message("secrets", "dora@example.test", "alice@example.test"), "dora")
        everybody.wait_for("alice", "secrets")
        assert everybody.login_refusals("bob", MISTYPED).keys() == {"imap", "pop3", "smtp"}
    assert seen_here == seen_there == []

    assert "/etc/dovecot/users: changes" in shown
    assert "H4sI" not in shown, "the files on their way, which base64 does not hide"
    shown += host.run("journalctl", "--no-pager", "-o", "export")
    for folder in (ROOT / "build/check", ROOT / "build/dns"):
        shown += "".join(each.read_text() for each in folder.rglob("*") if each.is_file())
    assert {label for label, text in secrets.items() if text in shown} == set()

    belongs = {
        *(f"hash of {user} in /etc/dovecot/users root:dovecot 640" for user in everybody.passwords),
        "smarthost in /etc/postfix/tables/relay_login root:root 600",
        "SRS in /etc/postsrsd.secret root:root 600",
    }
    for label in secrets:
        if label.startswith("TLS key"):
            belongs.add(f"{label} in /etc/ssl/mail/mail.pem root:root 600")
            if host.release == 13:  # where Dovecot 2.4 keeps what it has read
                belongs.add(f"{label} in /run/dovecot/dovecot.conf.binary root:root 600")
        elif label.startswith("DKIM key"):
            domain = label.split()[3].rstrip(",")
            path = f"/etc/dkimkeys/{domain}/default.private"
            belongs.add(f"{label} in {path} opendkim:opendkim 600")
    assert set(target.search(**FOLDERS)) == belongs
