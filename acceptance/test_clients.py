"""Programs that people use: they find the host by name, check its certificate, send and read."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from acceptance.support.issuing import Authority
from acceptance.support.mailhost import MailHost
from testbed.container import CommandFailed
from testbed.inventory import HOSTNAME

CAROL = "carol@second.test"
MBSYNC = """
IMAPAccount host
Host imap.example.test
User carol@second.test
Pass carol-password
TLSType {tls}
SystemCertificates no
CertificateFile {folder}/ca.pem

IMAPStore theirs
Account host

MaildirStore ours
Inbox {folder}/inbox

Channel inbox
Far :theirs:
Near :ours:
Sync Pull
SyncState *
"""
FETCHMAIL = """
poll imap.example.test protocol POP3 service {port} auth password
  user "carol@second.test" password "carol-password" {tls}
  sslcertck sslcertfile {folder}/ca.pem
  keep mda "cat >> {folder}/fetched"
"""


@pytest.fixture(scope="module")
def folder(host: MailHost, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A folder at the peer with the authority that its programs trust, which the host is from."""
    authority = Authority(tmp_path_factory.mktemp("authority"))
    issued = authority.issue([HOSTNAME, "imap.example.test", "smtp.example.test"])
    files = {"mode": "files", "cert": str(issued.chain), "key": str(issued.key)}
    path = f"/tmp/{uuid4().hex}"
    host.peer.exec("mkdir", "-p", f"{path}/inbox")
    host.peer.exec("sh", "-c", f"cat > {path}/ca.pem", input=authority.path.read_text())
    # Its own BIND knows where the host is.
    kept = host.peer.exec("cat", "/etc/resolv.conf")
    host.peer.exec("sh", "-c", "echo nameserver 127.0.0.1 > /etc/resolv.conf")
    with host.deployed(mail_tls=files):
        yield path
    host.peer.exec("sh", "-c", "cat > /etc/resolv.conf", input=kept)


def submit(host: MailHost, folder: str, subject: str, *how: str) -> None:
    """Send a message with swaks, from bob to carol."""
    to = ("--server", "smtp.example.test", "--to", CAROL, "--from", "bob@example.test")
    login = ("--auth", "--auth-user", "bob@example.test", "--auth-password", "bob: pass:word")
    verify = ("--tls-verify-ca", "--tls-ca-path", f"{folder}/ca.pem")
    host.peer.exec("swaks", *to, *login, *verify, *how, "--header", f"Subject: {subject}")
    host.wait_for(CAROL, subject)


@pytest.mark.parametrize("how", ["--port 587 -tls", "--port 465 -tlsc"])
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_swaks_sends(host: MailHost, folder: str, how: str, mechanism: str) -> None:
    subject = f"swaks {uuid4().hex}"
    submit(host, folder, subject, *how.split(), "--auth", mechanism)


@pytest.mark.parametrize("tls", ["IMAPS", "STARTTLS"])
def test_mbsync_reads(host: MailHost, folder: str, tls: str) -> None:
    subject = f"mbsync {uuid4().hex}"
    submit(host, folder, subject, "--port", "465", "-tlsc")
    rc = MBSYNC.format(folder=folder, tls=tls)
    host.peer.exec("sh", "-c", f"cat > {folder}/mbsyncrc", input=rc)
    host.peer.exec("mbsync", "-c", f"{folder}/mbsyncrc", "inbox")
    assert host.peer.exec("grep", "-rl", f"Subject: {subject}", f"{folder}/inbox")


@pytest.mark.parametrize(("port", "tls"), [(995, "ssl"), (110, "sslproto tls1.2+")])
def test_fetchmail_reads(host: MailHost, folder: str, port: int, tls: str) -> None:
    subject = f"fetchmail {uuid4().hex}"
    submit(host, folder, subject, "--port", "587", "-tls")
    rc = FETCHMAIL.format(folder=folder, port=port, tls=tls)
    host.peer.exec("sh", "-c", f"umask 077; cat > {folder}/fetchmailrc", input=rc)
    host.peer.exec("fetchmail", "--nodetach", "--fetchall", "-f", f"{folder}/fetchmailrc")
    assert host.peer.exec("grep", "-c", f"Subject: {subject}", f"{folder}/fetched").strip() == "1"


@pytest.mark.parametrize("url", ["imaps://imap.example.test", "pop3s://imap.example.test"])
def test_curl_reads(host: MailHost, folder: str, url: str) -> None:
    subject = f"curl {uuid4().hex}"
    submit(host, folder, subject, "--port", "465", "-tlsc")
    # Without a message's number: IMAP lists folders, POP3 messages.
    login = ("--user", f"{CAROL}:carol-password", "--cacert", f"{folder}/ca.pem")
    listed = host.peer.exec("curl", "--silent", "--show-error", *login, url)
    assert ('"/" Drafts' in listed) if url.startswith("imap") else listed.startswith("1 ")


@pytest.mark.one_release
def test_a_name_that_the_certificate_lacks_is_refused(host: MailHost, folder: str) -> None:
    lacking = "pop.example.test"  # the authority is the right one
    host.peer.exec("sh", "-c", f"echo {host.target.address} {lacking} >> /etc/hosts")
    rc = MBSYNC.format(folder=folder, tls="IMAPS").replace("imap.example.test", lacking)
    host.peer.exec("sh", "-c", f"cat > {folder}/lacking", input=rc)
    with pytest.raises(CommandFailed, match=f"{lacking}.*not|certificate.*{lacking}"):
        host.peer.exec("mbsync", "-c", f"{folder}/lacking", "inbox")
    with pytest.raises(CommandFailed, match="no alternative certificate subject name"):
        host.peer.exec("curl", "-sS", "--cacert", f"{folder}/ca.pem", f"pop3s://{lacking}")
