"""What is signed, what is verified, and that nothing leaves unsigned."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from email import message_from_bytes
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from acceptance.support.mailhost import MailHost
from acceptance.support.signatures import outside, signatures, txt, unique, verified
from acceptance.support.submission import submit
from testbed.inventory import DOMAINS, HOSTNAME
from testbed.messages import message, signing_domain
from testbed.wait import wait_until

KEY = "/etc/dkimkeys/{}/default.private"


def results(raw: bytes) -> list[str]:
    """Return the Authentication-Results of a message, unfolded."""
    head = raw.partition(b"\r\n\r\n")[0].decode("latin-1")
    fields = re.findall(r"(?ims)^Authentication-Results:(.*?)(?=\r\n\S|\Z)", head)
    return [" ".join(field.split()) for field in fields]


# ---- signing -------------------------------------------------------------------------------------


@pytest.mark.parametrize("port", [465, 587])
@pytest.mark.parametrize("sender", ["alice@example.test", "carol@second.test"])
def test_mail_of_each_domain_is_signed_for_it(host: MailHost, port: int, sender: str) -> None:
    subject, domain = unique("signed"), sender.partition("@")[2]
    text = "trailing blanks  \n\nand  many   words\n"
    host.send(message(subject, sender, "someone@world.test", text=text), sender, port)
    raw = outside(host, subject)
    (tags,) = signatures(raw)
    assert (tags["d"], tags["s"], tags["a"]) == (domain, "default", "rsa-sha256")
    assert tags["c"] == "relaxed/relaxed"
    assert verified(host, raw)
    assert not verified(host, raw.replace(b"many", b"more"))
    assert not verified(host, raw.replace(subject.encode(), b"another subject"))
    # dkimpy lets no second From pass, signed or not: that it is signed away is read off.
    assert not verified(host, b"Subject: another\r\n" + raw), "a second Subject is signed away"
    assert tags["h"].lower().split(":").count("from") == 2


def test_the_services_name_is_enough_to_be_signed_for(host: MailHost) -> None:
    subject = unique("originating")
    with host.restored():
        # OpenDKIM would sign for a login as well: it is not told of any here.
        host.run("sh", "-euc", "postconf -e milter_mail_macros=i; postfix reload")
        host.send(message(subject, "bob@example.test", "bob@example.test"), "bob")
        assert verified(host, host.wait_for("bob", subject))


@pytest.mark.parametrize("domain", DOMAINS)
def test_keys_have_2048_bits_and_only_the_signer_reads_them(host: MailHost, domain: str) -> None:
    record = txt(host)(f"default._domainkey.{domain}.".encode()).decode()
    (encoded,) = re.findall(r"p=([\w+/=]+)", record)
    key = load_der_public_key(base64.b64decode(encoded))
    assert isinstance(key, rsa.RSAPublicKey)
    assert key.key_size >= 2048
    status = host.run("stat", "-c", "%U:%G %a", KEY.format(domain))
    assert status.strip() == "opendkim:opendkim 600"


def test_keys_are_never_made_again(host: MailHost) -> None:
    paths = [KEY.format(domain) for domain in DOMAINS]
    before = host.run("sha256sum", *paths)
    with host.deployed(mail_dkim_bits=3072):
        assert host.run("sha256sum", *paths) == before


@pytest.mark.parametrize("port", [465, 587])
def test_what_a_program_left_out_is_completed_before_it_is_signed(
    host: MailHost, port: int
) -> None:
    subject = unique("bare")
    with host.smtp(port, "bob") as client:
        text = f"From: bob\r\nTo: alice\r\nSubject: {subject}\r\n\r\nHello\r\n"
        client.sendmail("bob@example.test", ["someone@world.test"], text)
    raw = outside(host, subject)
    mail = message_from_bytes(raw)
    assert (mail["From"], mail["To"]) == ("bob@example.test", "alice@example.test")
    assert mail["Date"]
    assert mail["Message-ID"].endswith(f"@{HOSTNAME}>")
    assert verified(host, raw)


def test_mail_of_the_machine_itself_is_signed(host: MailHost) -> None:
    subject = unique("cron")
    host.run("sendmail", "root", input=f"Subject: {subject}\n\nHello\n")
    raw = host.wait_for("alice", subject)
    assert signatures(raw)[0]["d"] == "example.test"
    assert verified(host, raw)


def test_bounces_are_signed(host: MailHost) -> None:
    subject, nobody = unique("bounce"), f"{uuid4().hex}@nowhere.world.test"
    host.send(message(subject, "alice@example.test", nobody))
    raw = wait_until(lambda: bounce(host, nobody), 20, "the bounce")
    assert signatures(raw)[0]["d"] == "example.test"
    assert verified(host, raw)


def bounce(host: MailHost, about: str) -> bytes:
    """Return the bounce in alice's inbox about an address."""
    found = host.search("alice", "Undelivered Mail Returned to Sender")
    return next((raw for raw in found if about.encode() in raw), b"")


@pytest.mark.parametrize("sender", ["stranger@world.test", "bob@example.test"])
def test_mail_from_outside_is_not_signed(host: MailHost, sender: str) -> None:
    subject = unique("not ours")
    with host.smtp(25) as client:
        client.send_message(message(subject, sender, "alice@example.test"))
    assert signatures(host.wait_for("alice", subject)) == []


# ---- verifying -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sign(host: MailHost) -> Callable[[bytes], bytes]:
    """Sign as another domain does, whose key the peer's BIND serves."""
    return signing_domain(host.peer, "signer.example")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param((b"", b""), "pass", id="whole"),
        pytest.param((b"Hello", b"Hallo"), "fail", id="broken"),
    ],
)
def test_signatures_of_others_are_verified(
    host: MailHost, sign: Callable[[bytes], bytes], change: tuple[bytes, bytes], expected: str
) -> None:
    subject = unique("verified")
    mail = message(subject, "someone@signer.example", "alice@example.test")
    raw = sign(mail.as_bytes().replace(b"\n", b"\r\n")).replace(*change)
    with host.smtp(25) as client:
        client.sendmail("someone@signer.example", ["alice@example.test"], raw)
    (result,) = (one for one in results(host.wait_for("alice", subject)) if "dkim=" in one)
    assert re.match(rf"{re.escape(HOSTNAME)}; dkim={expected}\b", result), result
    assert "signer.example" in result


FORGED = [
    "mail.example.test; dkim=pass header.d=bank.test",
    "MAIL.example.TEST;dkim=pass header.d=bank.test",
    "\r\n mail.example.test; dkim=pass header.d=bank.test",
    "mail.example.test 1; dkim=pass header.d=bank.test",
    '"mail.example.test"; dkim=pass header.d=bank.test',
    "(sure) mail.example.test; dkim=pass header.d=bank.test",
    "mail.example.test(sure); dkim=pass header.d=bank.test",
    "mail.example.test\r\n ; dkim=pass header.d=bank.test",
    r'"mail\.example\.test"; dkim=pass header.d=bank.test',
    r'"\m\a\i\l\.\e\x\a\m\p\l\e\.\t\e\s\t"; dkim=pass header.d=bank.test',
    r"mail\.example\.test; dkim=pass header.d=bank.test",
    '"mail".example.test; dkim=pass header.d=bank.test',
    'm"ail.example.te"st; dkim=pass header.d=bank.test',
    "mail . example(x).\r\n\ttest ; dkim=pass header.d=bank.test",
    r"(\)) (a(b)) mail.example.test; dkim=pass header.d=bank.test",
    '" mail.example.test "; dkim=pass header.d=bank.test',
    "mail.example.test/1; dkim=pass header.d=bank.test",
]


@pytest.mark.parametrize("port", [25, 465])
@pytest.mark.parametrize("forged", FORGED)
def test_results_forged_under_our_name_are_removed(host: MailHost, port: int, forged: str) -> None:
    subject, user = unique("forged"), "bob" if port == 465 else None
    sender = "bob@example.test" if user else "stranger@world.test"
    others = ["other.test; dkim=pass header.d=bank.test", "xmail.example.test; spf=pass"]
    head = "".join(f"Authentication-Results: {one}\r\n" for one in [forged, *others])
    with host.smtp(port, user) as client:
        raw = f"{head}From: {sender}\r\nSubject: {subject}\r\n\r\nHello\r\n".encode()
        client.sendmail(sender, ["bob@example.test"], raw)
    ours = [one for one in results(host.wait_for("bob", subject)) if one not in others]
    assert "bank.test" not in " ".join(ours)
    assert set(others) <= set(results(host.wait_for("bob", subject)))


@pytest.mark.parametrize(("port", "user"), [(25, None), (465, "bob")])
@pytest.mark.parametrize("lines", [10, 100])
def test_too_many_headers_are_refused_for_good(
    host: MailHost, port: int, user: str | None, lines: int
) -> None:
    head = b"From: bob@example.test\r\n" + b"X: y\r\n" * 10
    for number in range(lines):
        head += f"X-{number}: ".encode() + (b"z" * 80 + b"\r\n ") * (1000 // lines) + b"\r\n"
    code, text = submit(host, head[:-2], port, user, "bob@example.test", "alice@example.test")
    assert (code, text[:6]) == (550, b"5.7.1 ")
