"""The settings for mail programs and the MTA-STS policy, fetched as their clients fetch them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from acceptance.support.drift import look
from acceptance.support.mailhost import MailHost
from acceptance.support.runs import CONFIGURATION
from settings.parsing import parse
from testbed.command_line import data_arguments
from testbed.inventory import DOMAINS, HOSTNAME, ROOT, inventory_data
from testbed.wait import wait_until
from wanted.clients import documents

ON: dict[str, Any] = {"mail_web": True, "mail_mta_sts": "testing"}
TYPES = {
    "xml": "application/xml",
    "mobileconfig": "application/x-apple-aspen-config",
    "txt": "text/plain",
}
PEM = "/etc/ssl/mail/mail.pem"
AUTODISCOVER = "autodiscover.second.test/autodiscover/autodiscover.xml"
QUESTION = "<Autodiscover><Request><EMailAddress>carol@second.test</EMailAddress></Request>"


@pytest.fixture(scope="module")
def web(host: MailHost) -> Iterator[MailHost]:
    """The host with its web server, whose certificate the peer trusts."""
    with host.deployed(**ON) as run:
        assert CONFIGURATION in run.changed
        certificate = host.run("openssl", "x509", "-in", PEM)
        host.peer.exec("sh", "-c", "cat > /tmp/web.pem", input=certificate)
        yield host


def fetch(host: MailHost, url: str, *how: str, address: str = "") -> str:
    """Return what curl prints of https://URL, with the certificate verified."""
    name = url.partition("/")[0]
    where = ("--resolve", f"{name}:443:{address or host.target.address}")
    curl = ("curl", "--silent", "--show-error", "--max-time", "10", "--cacert", "/tmp/web.pem")
    return host.peer.exec(*curl, *where, *how, f"https://{url}")


def status(host: MailHost, url: str, *how: str) -> str:
    """Return HTTP status and content type of a URL."""
    show = ("--output", "/dev/null", "--write-out", "%{http_code} %{content_type}")
    return fetch(host, url, *show, *how)


def test_every_document_is_served_by_its_name(web: MailHost) -> None:
    settings, _ = parse(inventory_data(web.target) | ON)
    wanted = documents(settings)
    assert len(wanted) == 4 * len(DOMAINS)
    for url, text in wanted.items():
        assert fetch(web, url) == text, url
        assert status(web, url) == f"200 {TYPES[url.rpartition('.')[2]]}"
    # As Outlook asks: by POST, and once with capitals.
    for url in (AUTODISCOVER, AUTODISCOVER.replace("/a", "/A")):
        assert fetch(web, url, "--data", QUESTION) == wanted[AUTODISCOVER]


NOT_SERVED = (
    f"{HOSTNAME}/",
    f"{HOSTNAME}/mail/config-v1.1.xml",
    "autoconfig.example.test/",
    "autoconfig.example.test/mail/",
    "autoconfig.example.test/../web.conf",
    "autoconfig.example.test/%2e%2e/web.conf",
    "autoconfig.example.test/..%2f..%2fweb.conf",
)


def test_nothing_else_is_served(web: MailHost) -> None:
    for url in NOT_SERVED:
        assert status(web, url, "--path-as-is")[:3] in ("400", "403", "404"), url


RUNNING = r"""
pid=$(systemctl show -P MainPID mailhost-web)
[ "$pid" = 0 ] || sed -n 's/^\(VmRSS\|RssAnon\):\s*\([0-9]*\) kB/\1 \2/p' /proc/$pid/status
"""


def test_it_takes_little_memory_and_mostly_none(web: MailHost) -> None:
    fetch(web, "autoconfig.example.test/mail/config-v1.1.xml")
    taken = dict(line.split() for line in web.run("sh", "-c", RUNNING).splitlines())
    print("kB while it runs:", taken)
    assert int(taken["VmRSS"]) < 15 * 1024
    # What it does by itself half a minute after the last question.
    web.run("systemctl", "kill", "-s", "INT", "mailhost-web")
    wait_until(lambda: not web.run("sh", "-c", RUNNING), 10, "it ended")
    assert web.run("systemctl", "show", "-P", "Result", "mailhost-web").strip() == "success"
    assert status(web, "autoconfig.example.test/mail/config-v1.1.xml").startswith("200 ")


def test_a_second_run_changes_nothing_and_nothing_drifted(web: MailHost) -> None:
    before = web.pids()
    assert web.must_deploy(**ON).changed == []
    assert web.pids() == before
    token = f"/etc/mailhost/web/autoconfig.second.test/{uuid4().hex}"
    web.run("touch", token)
    rows = look(web, **ON).reports[HOSTNAME]["drift"]
    slow = "no certificate within 3 seconds"  # of whatever port, on a machine with much to do
    found = [(row["what"], row["found"]) for row in rows if row["found"] != slow]
    assert found == [(token, "served beside ours")]


@pytest.mark.one_release
def test_files_for_another_web_server_and_a_sheet(
    web: MailHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAIL_SHEET_USER", "carol@second.test")
    done = web.pyinfra("tasks/web.py", "tasks/sheet.py", "-y", *data_arguments(ON))
    assert done.returncode == 0, done.stderr
    folder = ROOT / "build/web" / HOSTNAME
    written = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    settings, _ = parse(inventory_data(web.target) | ON)
    assert {name: path.read_text() for name, path in written.items()} == documents(settings)
    assert done.stdout.startswith("Mail settings of carol@second.test\n邮箱设置")
    assert "carol-password" not in done.stdout


def shown(host: MailHost) -> list[str]:
    """Return the certificates' fingerprints: on disk, and as port 443 shows it."""
    show = "openssl s_client -connect 127.0.0.1:443 </dev/null 2>/dev/null"
    both = f"openssl x509 -noout -fingerprint -in {PEM}; {show} | openssl x509 -noout -fingerprint"
    return host.run("sh", "-c", both).splitlines()


RENEW = f"""
umask 077
openssl pkey -in {PEM} > /root/key
openssl x509 -in {PEM} -signkey /root/key -days 700 -copy_extensions copy > /root/certificate
cat /root/key /root/certificate > {PEM}.new
mv {PEM}.new {PEM}
rm /root/key /root/certificate
"""


def test_a_renewed_certificate_is_shown_after_dovecots_reload(web: MailHost) -> None:
    before = shown(web)
    assert before[0] == before[1]
    web.run("sh", "-euc", RENEW)
    web.run("systemctl", "reload", "postfix", "dovecot")
    after = shown(web)
    assert after[0] == after[1] != before[0]


def test_switched_off_it_is_gone(web: MailHost) -> None:
    assert web.run("ss", "-Hltn", "sport = 443").strip()
    web.must_deploy()
    assert web.run("ss", "-Hltn", "sport = 443") == ""
    assert web.run("find", "/etc/mailhost/web", "-type", "f") == ""
    assert re.match("inactive", web.run("systemctl", "is-active", "mailhost-web", check=False))
    assert "masked" in web.run("systemctl", "is-enabled", "lighttpd", check=False)
