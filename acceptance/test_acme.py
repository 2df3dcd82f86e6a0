"""A certificate from an authority: first one, renewals, refusals; and from files on the host."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from acceptance.support.mailhost import MailHost
from acceptance.support.outside import idling, ports
from acceptance.support.pebble import URL, Pebble, TlsSettings, put_in_place
from acceptance.support.runs import Run
from acceptance.support.tls import BEFORE_TLS, handshake, issue, public_key, served
from layout import PEM
from testbed.command_line import data_arguments
from testbed.container import CommandFailed
from testbed.inventory import HOSTNAME
from testbed.messages import message
from testbed.wait import wait_until

RENEWAL = "TLS: the certificate, where another one is due"
IMAP = "imap.example.test"
TLS = {"mode": "acme", "email": "admin@example.test", "directory_url": URL}
DATA: dict[str, Any] = {"mail_tls": TLS, "mail_client_names": ["imap"]}
UNIT = "mailhost-certificate.service"
ASKED = "/var/lib/mailhost-certificate/renew"


REVOKE = f"""
openssl x509 -in {PEM} -out /root/revoked.pem
account=$(dirname /var/lib/mailhost-certificate/*/registered)
uacme -a {URL} -c "$account" revoke /root/revoked.pem
touch {ASKED}
"""


@pytest.fixture(scope="module")
def authority(host: MailHost) -> Iterator[Pebble]:
    """
    An authority that the host trusts, and cannot reach until it is started.

    The tests with it deploy what they need over each other's; in the end the host is as it was.
    """
    found = Pebble(host)
    with host.restored():
        yield found
        found.forget()


@pytest.fixture(scope="module")
def elsewhere(authority: Pebble, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsSettings]:
    """Settings of an authority that is answered by DNS, and of an account to be bound to."""
    with authority.answered_by_dns(tmp_path_factory.mktemp("acme")) as settings:
        yield settings


@pytest.fixture(scope="module")
def first_run(host: MailHost, authority: Pebble) -> Run:
    """The run that brought the first certificate, from an authority that issues for six days."""
    authority.start(days=6)
    pids = host.pids()
    run = host.must_deploy(**DATA)
    assert host.pids() == pids
    return run


def strict(authority: Pebble) -> ssl.SSLContext:
    """TLS of a client that trusts the authority and nobody else."""
    return ssl.create_default_context(cadata=authority.root())


def all_ports_serve(host: MailHost, context: ssl.SSLContext) -> x509.Certificate:
    """Verify the certificate of every port, chain and name; return it: it is the same on all."""

    def shown() -> bytes | None:
        ders = set()
        for port, name in zip(BEFORE_TLS, [HOSTNAME, IMAP] * 4, strict=False):
            with handshake(host, port, context, name) as connection:
                ders.add(connection.getpeercert(binary_form=True))
        return ders.pop() if len(ders) == 1 else None

    # Services are told to reload, and not waited for.
    der = wait_until(shown, 10, "one certificate on all ports")
    assert der is not None
    return x509.load_der_x509_certificate(der)


def renew(host: MailHost) -> str:
    """Do what the timer does; return what the unit said, where it failed."""
    began = time.time()
    # systemd starts nothing six times in ten seconds (systemd.unit(5), StartLimitBurst=).
    host.run("systemctl", "reset-failed", UNIT, check=False)
    try:
        host.run("systemctl", "start", UNIT)
        return ""
    except CommandFailed:
        return "\n".join(host.log("", since=began))


def test_the_files_of_other_software_are_followed(host: MailHost, tmp_path: Path) -> None:
    def write() -> ssl.SSLContext:
        """Write as acme.sh does, the key first; return what trusts it."""
        ca, chain, key = issue(tmp_path)
        for name, path in (("key", key), ("chain", chain)):
            copy = f"mkdir -p /root/.acme.sh; cat > /root/.acme.sh/{name}.pem"
            host.run("sh", "-c", copy, input=path.read_text())
        return ssl.create_default_context(cafile=str(ca))

    context = write()
    files = {"cert": "/root/.acme.sh/chain.pem", "key": "/root/.acme.sh/key.pem"}
    with host.deployed(mail_tls={"mode": "host-files", **files}, mail_client_names=["imap"]):
        pids, first = host.pids(), all_ports_serve(host, context)
        with idling(host, 1):
            context = write()
            wait_until(
                lambda: served(host, 993) != first and served(host, 465) != first, 20, "another"
            )
            all_ports_serve(host, context)
        assert host.pids() == pids


def test_an_authority_out_of_reach_leaves_mail_serving(
    host: MailHost, authority: Pebble, elsewhere: TlsSettings
) -> None:
    run = host.deploy(**{**DATA, "mail_tls": {**TLS, **elsewhere}})
    assert run.code == 1
    assert re.search(
        rf"No certificate for {HOSTNAME}, {IMAP} from {URL}: (no account at|GET) .*: see that",
        run.output,
    )
    certificate = served(host, 465)
    assert certificate.issuer == certificate.subject
    host.send(message("Unreached", "alice@example.test", "bob@example.test"))
    host.wait_for("bob", "Unreached")
    shown = host.run("systemctl", "is-active", "mailhost-certificate.timer")
    shown += host.run("systemctl", "is-enabled", "mailhost-certificate.timer")
    assert shown.split() == ["active", "enabled"]
    assert ports(host, 80) == {80: "ConnectionRefusedError"}


def test_a_deploy_brings_the_certificate_and_the_next_one_asks_nobody(
    host: MailHost, authority: Pebble, first_run: Run
) -> None:
    pids = host.pids()
    assert first_run.changed[-1] == RENEWAL
    certificate = all_ports_serve(host, strict(authority))
    assert ports(host, 80) == {80: "ConnectionRefusedError"}

    if host.release == 13:  # its command is that of every drift
        shown = host.fact("facts.tls.ServedCertificates")
        assert {each["serial"] for each in shown.values()} == {f"{certificate.serial_number:x}"}
        assert sorted(map(int, shown)) == sorted(BEFORE_TLS)

    asked = authority.requests()
    assert asked > 5
    assert host.must_deploy(**DATA).changed == []
    host.run("systemctl", "start", UNIT)
    assert authority.requests() == asked
    assert served(host, 993) == certificate
    assert host.pids() == pids


def test_renewals_under_open_sessions(host: MailHost, authority: Pebble, first_run: Run) -> None:
    context = strict(authority)
    pids = host.pids()
    with idling(host, 20), host.smtp(587, "alice") as smtp:
        certificates = [served(host, 993)]
        for name, left in ((HOSTNAME, -1), ("other.example.test", 90)):
            put_in_place(host, name, left)
            assert renew(host) == ""
            certificates.append(all_ports_serve(host, context))
        host.run("sh", "-euc", REVOKE)  # what the README says of a stolen key
        assert authority.status(certificates[-1]) == "Revoked"
        assert renew(host) == ""
        certificates.append(all_ports_serve(host, context))
        assert authority.status(certificates[-1]) == "Valid"
        assert smtp.noop()[0] == 250
        smtp.send_message(message("Renewed", "alice@example.test", "alice@example.test"))
    assert len({each.serial_number for each in certificates}) == 4
    assert len({public_key(each) for each in certificates}) == 4
    assert host.pids() == pids
    host.wait_for("alice", "Renewed")


def test_refusals_leave_the_certificate(host: MailHost, authority: Pebble, first_run: Run) -> None:
    before, pids = served(host, 993), host.pids()
    authority.start(days=6)  # it has forgotten the account, and what it looked at before
    host.run("touch", ASKED)

    host.run("systemd-run", "-q", "--collect", "--unit=web", "python3", "-m", "http.server", "80")
    wait_until(lambda: host.run("ss", "-Hltn", "sport = 80"), 10, "it listens")
    assert "port 80 can't be listened on (Address already in use): stop what does" in renew(host)
    host.run("systemctl", "stop", "web")

    another = host.peer.address
    kept = host.peer.exec("cat", "/etc/bind/zones/example.test")
    zone = f"@ MX 10 mail\nmail A {host.target.address}\nimap A {another}\n"
    host.peer.load_zone("example.test", zone)
    said = renew(host)
    host.peer.load_zone("example.test", kept)
    assert re.search(
        f"No certificate for {HOSTNAME}, {IMAP} from {URL}: .*{another}.* port 80 of each", said
    )
    assert "keep the certificate they have" in said
    assert served(host, 993) == before
    assert host.pids() == pids
    assert ports(host, 80) == {80: "ConnectionRefusedError"}


@pytest.mark.one_release  # the facts are those of test_drift_report.py
def test_what_nobody_has_mended_yet_is_drift(
    host: MailHost, authority: Pebble, first_run: Run
) -> None:
    put_in_place(host, HOSTNAME, -1)
    host.run("systemctl", "disable", "--now", "mailhost-certificate.timer")
    result = host.pyinfra("tasks/drift.py", "-y", *data_arguments(DATA))
    assert result.returncode == 2, result.stderr
    for row in (
        r"mailhost-certificate.timer +starts at boot +disabled",
        r"mailhost-certificate.timer +running +inactive",
        rf"{PEM} +a valid certificate +ends on ",
        rf"{PEM} +issued, for {HOSTNAME}, {IMAP} +self-signed",
        r"certificate on ports 25, 110, 143, 465, 587, 993, 995 ",
    ):
        assert re.search(row, result.stderr), result.stderr


# Runs in the sandbox of what renews the certificate, and takes no challenge.
HOOK = """#!/bin/sh
[ "$1 $2" = "begin http-01" ] || exit 1
for path in /etc /usr/local/bin /etc/mailhost /var/lib /run/lock /root; do
  ! touch "$path/x" || echo "could write $path" >&2
done
for path in /var/vmail /etc/dkimkeys /etc/dovecot /etc/postfix/tables /home /root; do
  ! ls "$path" > /dev/null || echo "could read $path" >&2
done
! systemctl stop postfix || echo "could stop Postfix" >&2
echo "called for $3" >&2
exit 1
"""


def test_a_hook_is_asked_and_can_do_nothing_else(
    host: MailHost, authority: Pebble, first_run: Run
) -> None:
    host.run(
        "sh", "-c", "cat > /etc/mailhost/acme-hook; chmod 700 /etc/mailhost/acme-hook", input=HOOK
    )
    host.run("sed", "-i", "s/^answers=.*/answers=hook/", "/etc/mailhost/certificate.conf")
    said = renew(host)
    assert re.search(rf"from {URL}: called for \S+: mail_tls.hook must answer", said)
    assert "could " not in said, said


def test_dns_updates_an_account_elsewhere_and_a_key_that_stays(
    host: MailHost, authority: Pebble, first_run: Run, elsewhere: TlsSettings
) -> None:
    authority.start(days=45, bound=True)
    host.run("touch", ASKED)
    before = host.run("openssl", "pkey", "-in", PEM, "-pubout")
    host.must_deploy(**{**DATA, "mail_tls": {**TLS, **elsewhere}})
    certificate = all_ports_serve(host, strict(authority))
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert timedelta(days=44) < life <= timedelta(days=45)
    assert host.run("openssl", "pkey", "-in", PEM, "-pubout") == before
    for name in (HOSTNAME, IMAP):
        assert host.peer.exec("dig", "+short", "@127.0.0.1", f"_acme-challenge.{name}", "TXT") == ""
    modes = host.run(
        "stat", "-c", "%a %n", *(f"/etc/mailhost/acme-{x}.key" for x in ("tsig", "eab"))
    )
    assert [line.split()[0] for line in modes.splitlines()] == ["600", "600"]
