"""Mail that users send: it arrives, whole, and says no more about them than it must."""

from __future__ import annotations

import hashlib
import random
from email import message_from_bytes, policy
from uuid import uuid4

import pytest

from acceptance.support.mailhost import MailHost
from testbed.inventory import HOSTNAME
from testbed.messages import message
from testbed.peer import Received

CAROL = "carol@second.test"
LIMIT = 52428800


def unique(word: str) -> str:
    """Return a subject that no other message has."""
    return f"{word} {uuid4().hex}"


def parts(raw: bytes) -> tuple[bytes, bytes]:
    """Return a message's header and body."""
    head, _, body = raw.partition(b"\r\n\r\n")
    return head + b"\r\n", body


def by_pop3(host: MailHost, user: str, port: int, subject: str) -> bytes:
    """Return the message with this subject as POP3 shows it, b"" where there is none yet."""
    with host.pop3(user, port) as client:
        count, _ = client.stat()
        for number in range(count, max(count - 20, 0), -1):
            if subject.encode() in b"\n".join(client.top(number, 0)[1]):
                return b"\r\n".join(client.retr(number)[1])
    return b""


def by_imap(host: MailHost, user: str, port: int, subject: str) -> bytes:
    """Return the message with this subject as IMAP shows it, b"" where there is none yet."""
    with host.imap(user, port) as client:
        client.select("INBOX", readonly=True)
        _, (found,) = client.search(None, "SUBJECT", f'"{subject}"')
        if not found:
            return b""
        _, (fetched, *_) = client.fetch(found.decode(), "(BODY.PEEK[])")
        assert isinstance(fetched, tuple)
        return bytes(fetched[1])


# ---- who reads it --------------------------------------------------------------------------------


@pytest.mark.parametrize("port", [465, 587])
@pytest.mark.parametrize("sender", ["alice@example.test", CAROL])
def test_what_is_sent_is_read_by_every_protocol(host: MailHost, port: int, sender: str) -> None:
    subject = unique("every protocol")
    host.send(message(subject, sender, "bob@example.test", text="one line\n"), sender, port)
    host.wait_for("bob", subject)
    copies = [by_imap(host, "bob", 143, subject), by_imap(host, "bob", 993, subject)]
    copies += [by_pop3(host, "bob", 110, subject), by_pop3(host, "bob", 995, subject)]
    assert {parts(copy)[1].strip() for copy in copies} == {b"one line"}
    assert f"From: {sender}".encode() in copies[0]


@pytest.mark.parametrize("recipient", [CAROL, "Carol@SECOND.test", "carol+tag@second.test"])
def test_capitals_and_tags_are_the_users(host: MailHost, recipient: str) -> None:
    subject = unique("capitals")
    host.send(message(subject, "alice@example.test", recipient))
    host.wait_for(CAROL, subject)


@pytest.mark.parametrize(
    ("alias", "readers"),
    [
        ("sales@example.test", {"alice", "bob"}),
        ("sales+tag@example.test", {"alice", "bob"}),
        ("team@second.test", {"alice", "bob", CAROL}),
        ("postmaster@second.test", {"alice"}),
        ("abuse@example.test", {"alice"}),
    ],
)
def test_aliases_lead_to_their_users(host: MailHost, alias: str, readers: set[str]) -> None:
    subject = unique("alias")
    host.send(message(subject, "bob@example.test", alias), "bob")
    for reader in readers:
        host.wait_for(reader, subject)
    others = {"alice", "bob", CAROL} - readers
    assert {user for user in others if host.search(user, subject)} == set()


@pytest.mark.parametrize("recipient", ["outside@example.test", "someone@world.test"])
def test_mail_goes_out_by_tls(host: MailHost, recipient: str) -> None:
    subject = unique("outside")
    host.send(message(subject, "alice@example.test", recipient))
    received = at_the_other_server(host, subject)
    assert received.rcpt_tos == [recipient.replace("outside@example", "friend@world")]
    assert received.mail_from == "alice@example.test"
    assert received.tls in ("TLSv1.2", "TLSv1.3")
    assert (received.helo, received.client) == (HOSTNAME, host.target.address)


def at_the_other_server(host: MailHost, subject: str) -> Received:
    """Return the message with this subject that the rest of the world received."""
    return host.peer.wait_received(lambda each: subject.encode() in each.raw)


@pytest.mark.parametrize("recipient", ["root", f"root@{HOSTNAME}", "root@localhost"])
def test_mail_of_the_machine_itself_arrives(host: MailHost, recipient: str) -> None:
    subject = unique("cron")
    text = f"Subject: {subject}\n\nCron says hello\n"
    host.run("runuser", "-u", "www-data", "--", "sendmail", "-i", recipient, input=text)
    mail = message_from_bytes(host.wait_for("alice", subject), policy=policy.default)
    assert mail["From"].addresses[0].addr_spec == "www-data@example.test"


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("port", [465, 587])
def test_both_mechanisms_log_in(host: MailHost, port: int, mechanism: str) -> None:
    with host.smtp(port) as client:
        assert set(client.esmtp_features["auth"].split()) == {"PLAIN", "LOGIN"}
        assert client.ehlo_resp is not None
        assert b"AUTH=" not in client.ehlo_resp, "smtplib takes the old form for the same"
        client.user, client.password = "bob", host.passwords["bob@example.test"]
        attempt = client.auth_plain if mechanism == "PLAIN" else client.auth_login
        assert client.auth(mechanism, attempt)[0] == 235


# ---- whole ---------------------------------------------------------------------------------------


def test_25_megabytes_arrive_byte_for_byte(host: MailHost) -> None:
    subject, content = unique("large"), random.Random(1).randbytes(25 * 2**20)
    mail = message(subject, "alice@example.test", CAROL)
    mail.add_attachment(content, "application", "octet-stream", filename="large.bin")
    host.send(mail)
    received = message_from_bytes(host.wait_for(CAROL, subject, 60), policy=policy.default)
    (attachment,) = received.iter_attachments()
    got = attachment.get_payload(decode=True)
    assert isinstance(got, bytes)
    assert hashlib.sha256(got).digest() == hashlib.sha256(content).digest()
    assert attachment.get_filename() == "large.bin"


def test_messages_above_the_limit_are_refused(host: MailHost) -> None:
    with host.smtp(465, "bob") as client:
        assert client.esmtp_features["size"] == str(LIMIT)
        answer = client.docmd(f"MAIL FROM:<bob@example.test> SIZE={LIMIT + 1}")
        assert (answer[0], answer[1][:5]) == (552, b"5.3.4")
        client.rset()
        assert client.docmd("MAIL FROM:<bob@example.test>")[0] == 250
        assert client.docmd("RCPT TO:<bob@example.test>")[0] == 250
        line = b"x" * 998 + b"\r\n"
        code, text = client.data(b"Subject: above\r\n\r\n" + line * (LIMIT // 1000 + 1))
    assert (code, text[:5]) == (552, b"5.3.4")


BODIES = {
    "8-bit": "grüße ✓\r\n".encode() + b"\xff\xfe\x80\r\n",
    "long-lines": b"x" * 990 + b"\r\n" + b"y" * 990 + b"\r\n",
    "dots": b".\r\n..\r\n.x\r\n...\r\ntext.\r\n.",
    "blank-lines": b"\r\n\r\n  \r\ntext \t\r\n\r\n\r\n",
    "from": b"From me\r\n>From you\r\n",
    "empty": b"",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("port", [25, 465])
def test_every_body_survives(host: MailHost, port: int, body: bytes) -> None:
    subject, user = unique("body"), "bob" if port == 465 else None
    folded = b"X-Folded: one\r\n two\r\n\tthree\r\n"
    head = f"From: bob@example.test\r\nSubject: {subject}\r\n".encode() + folded
    sender = "bob@example.test" if user else "stranger@world.test"
    with host.smtp(port, user) as client:
        client.sendmail(sender, [CAROL], head + b"\r\n" + body, ["BODY=8BITMIME"])
    received_head, received = parts(host.wait_for(CAROL, subject))
    assert received.removesuffix(b"\r\n") == body.removesuffix(b"\r\n")
    assert folded in received_head


#: What header checks look for. Below the header of the message itself it is somebody else's.
INNER = (
    f"Authentication-Results: {HOSTNAME}; dkim=pass header.d=example.test\r\n"
    f"Received: from a (b [192.0.2.1])\tby {HOSTNAME} (Postfix) with ESMTPSA id 1\r\n"
    "User-Agent: Their/1.0\r\nX-Mailer: Their 1.0\r\nX-Originating-IP: [192.0.2.77]\r\n"
    "X-Enigmail-Version: 1\r\nMime-Version: 1.0 (Mac OS X Mail 16.0)\r\n"
).encode()
MESSAGE = INNER + b"From: them@world.test\r\nSubject: signed\r\n\r\nHello\r\n"
CONTAINERS = {
    "attached": (
        b'multipart/mixed; boundary="b"',
        b"--b\r\nContent-Type: message/rfc822\r\n\r\n" + MESSAGE + b"--b--\r\n",
    ),
    "the whole body": (b"message/rfc822", MESSAGE),
    "twice as deep": (
        b"message/rfc822",
        b'Content-Type: multipart/digest; boundary="b"\r\n\r\n--b\r\n\r\n' + MESSAGE + b"--b--\r\n",
    ),
    "the header of a part": (
        b'multipart/signed; boundary="b"',
        b"--b\r\n" + INNER + b"Content-Type: text/plain\r\n\r\nHello\r\n--b--\r\n",
    ),
    "a report's": (
        b'multipart/report; boundary="b"; report-type=delivery-status',
        b"--b\r\nContent-Type: text/rfc822-headers\r\n\r\n" + INNER + b"--b--\r\n",
    ),
}


@pytest.mark.parametrize("container", CONTAINERS.values(), ids=CONTAINERS)
@pytest.mark.parametrize("port", [25, 465])
def test_headers_below_the_first_are_part_of_the_body(
    host: MailHost, port: int, container: tuple[bytes, bytes]
) -> None:
    (content_type, body), subject = container, unique("container")
    user, sender = ("bob", "bob@example.test") if port == 465 else (None, "them@world.test")
    head = f"From: {sender}\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n".encode()
    head += b"Content-Type: " + content_type + b"\r\n"
    with host.smtp(port, user) as client:
        client.sendmail(sender, [CAROL], head + b"\r\n" + body)
    _, received = parts(host.wait_for(CAROL, subject))
    assert received.removesuffix(b"\r\n") == body.removesuffix(b"\r\n")


# ---- and no more ---------------------------------------------------------------------------------

TALKATIVE = {
    "User-Agent": "SecretMail/1.0 (SecretOS)",
    "X-Mailer": "SecretMail 1.0",
    "X-Originating-IP": "[192.0.2.77]",
    "X-PHP-Originating-Script": "0:secret.php",
    "X-Enigmail-Version": "secret",
    "Mime-Version": "1.0 (Mac OS X Mail 16.0 \\(3731.500.231\\))",
}


def talkative(subject: str, sender: str) -> bytes:
    """Return a message that tells about the program and machine that it was written with."""
    head = {"From": sender, "Subject": subject} | TALKATIVE
    return "".join(f"{key}: {value}\r\n" for key, value in head.items()).encode() + b"\r\nHi\r\n"


@pytest.mark.parametrize("port", [465, 587])
def test_submission_tells_nothing_of_the_senders_machine(host: MailHost, port: int) -> None:
    subject = unique("private")
    with host.smtp(port, "bob") as client:
        text = talkative(subject, "bob@example.test")
        client.sendmail("bob@example.test", [CAROL, "someone@world.test"], text)
    for raw in (
        host.wait_for(CAROL, subject),
        at_the_other_server(host, subject).raw,
    ):
        mail = message_from_bytes(parts(raw)[0])
        assert {key for key in TALKATIVE if key in mail} <= {"Mime-Version"}
        assert mail["Mime-Version"] == "1.0"
        (received,) = [one for one in mail.get_all("Received", []) if HOSTNAME in one]
        assert received.startswith(f"by {HOSTNAME} (Postfix) id ")
        assert "client.test" not in received


def test_mail_of_others_is_left_as_it_is(host: MailHost) -> None:
    subject = unique("theirs")
    with host.smtp(25) as client:
        text = b"To: carol\r\n" + talkative(subject, "stranger")
        client.sendmail("stranger@world.test", [CAROL], text)
    mail = message_from_bytes(host.wait_for(CAROL, subject))
    assert {key: mail[key] for key in TALKATIVE} == TALKATIVE
    # What is incomplete stays so: our domain in another's From would be a forgery of our making.
    assert (mail["From"], mail["To"]) == ("stranger", "carol")
    assert "Date" not in mail
    assert "Message-ID" not in mail
    assert mail["Received"].startswith("from client.test (")
