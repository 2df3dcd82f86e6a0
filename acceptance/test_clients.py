"""Programs that people use: they find the host by name, check its certificate, send and read."""

from __future__ import annotations

from uuid import uuid4

import pytest

from acceptance.mailhost import MailHost

CAROL = "carol@second.test"
MBSYNC = """
IMAPAccount host
Host imap.example.test
User carol@second.test
Pass carol-password
TLSType {tls}
SystemCertificates no
CertificateFile {folder}/host.pem

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
  sslcertck sslcertfile {folder}/host.pem
  keep mda "cat >> {folder}/fetched"
"""


@pytest.fixture(scope="module")
def folder(host: MailHost) -> str:
    """A folder at the peer, with the certificate that its programs are to trust."""
    host.be_plain()
    path = f"/tmp/{uuid4().hex}"
    host.peer.exec("mkdir", "-p", f"{path}/inbox")
    certificate = host.run("openssl", "x509", "-in", "/etc/ssl/mail/mail.pem")
    host.peer.exec("sh", "-c", f"cat > {path}/host.pem", input=certificate)
    # Its own BIND knows where the host is.
    host.peer.exec("sh", "-c", "echo nameserver 127.0.0.1 > /etc/resolv.conf")
    return path


def submit(host: MailHost, folder: str, subject: str, *how: str) -> None:
    """Send a message with swaks, from bob to carol."""
    to = ("--server", "smtp.example.test", "--to", CAROL, "--from", "bob@example.test")
    login = ("--auth", "--auth-user", "bob@example.test", "--auth-password", "bob: pass:word")
    verify = ("--tls-verify-ca", "--tls-ca-path", f"{folder}/host.pem")
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
    login = ("--user", f"{CAROL}:carol-password", "--cacert", f"{folder}/host.pem")
    listed = host.peer.exec("curl", "--silent", "--show-error", *login, url)
    assert ('"/" Drafts' in listed) if url.startswith("imap") else listed.startswith("1 ")
