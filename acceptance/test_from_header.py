"""Who one claims to be: From: of what is submitted is the login's own, and nobody else's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from acceptance.support.mailhost import MailHost
from acceptance.support.signatures import outside, unique, verified
from acceptance.support.submission import answer, submit
from testbed.wait import wait_until

ALICE, BOB, CAROL = "alice@example.test", "bob@example.test", "carol@second.test"
OWN = {
    "plain": b"From: alice@example.test",
    "name": b"From: Alice <alice@example.test>",
    "a quoted name like an address": b'From: "boss@x.org, <y> (" <alice@example.test>',
    "escapes": rb'From: "A. \"Al\" Smith" (so \) called) <alice@example.test>',
    "comment": b"From: alice@example.test (Alice (A.))",
    "encoded": b"From: =?utf-8?Q?M=C3=BCller?= <alice@example.test>",
    "raw 8-bit name": "From: Alice Müller <alice@example.test>".encode(),
    "unquoted dots": b"From: Dr. A. B. <alice@example.test>",
    "folded": b"From: Alice\r\n\t<alice@example.test>",
    "twice": b"From: alice@example.test <alice@example.test>",
    "capitals": b"FROM: <Alice@Example.TEST>",
    "tag": b"From: alice+shop@example.test",
    "alias": b"From: Sales <sales@example.test>",
    "alias of an alias, in another domain": b"From: team@second.test",
    "two of one's own": b"From: alice@example.test, sales+x@example.test",
    "a name alone, which Postfix completes": b"From: alice",
    "none, which Postfix adds": b"X-From: nobody",
}
NOT_OWN = {
    "another": b"From: bob@example.test",
    "foreign": b"From: boss@world.test",
    "same name in another domain": b"From: alice@second.test",
    "an alias of others": b"From: outside@example.test",
    "name alone": b"From: bob",
    "an address before the address": b"From: boss@world.test <alice@example.test>",
    "the other way round": b"From: alice@example.test <boss@world.test>",
    "one's own as a name": b'From: "alice@example.test" <boss@world.test>',
    "one's own as a comment": b"From: boss@world.test (alice@example.test)",
    "a second address": b"From: alice@example.test, bob@example.test",
    "a second address, folded": b"From: Alice <alice@example.test>\r\n\t, bob@example.test",
    "encoded name": b"From: =?utf-8?q?alice=40example.test?= <bob@example.test>",
    "route": b"From: <@example.test:bob@example.test>",
    "a tag of one's own": b"From: alice+x@second.test",
    "a comment too deep": b"From: " + b"(" * 400 + b")" * 400 + b" bob@example.test",
    "a name too long": b"From: " + b"x" * 900 + b" <bob@example.test>",
    "a stray carriage return": b"From: alice@example.test\r, bob@example.test",
}
UNREADABLE = {
    "two headers": b"From: alice@example.test\r\nFrom: bob@example.test",
    "two headers, both one's own": b"From: alice@example.test\r\nfrom: alice@example.test",
    "a blank before the colon": b"X: y\r\nFrom: alice@example.test\r\nFrom : bob@example.test",
    "group": b"From: us: alice@example.test;",
    "group of nobody": b"From: undisclosed:;",
    "empty": b"From:",
    "null": b"From: <>",
    "nonsense": b"From: @@@ <<",
    "open quotes": b'From: "alice <alice@example.test>',
    "open comment": b"From: alice@example.test (",
    "comment inside": b"From: bob(x)@example.test",
    "literal": b"From: alice@[127.0.0.1]",
    "only encoded": b"From: =?utf-8?b?Ym9zc0BleGFtcGxlLm9yZw==?=",
    "8-bit address": "From: älice@example.test".encode(),
    "Resent-From: instead": b"Resent-From: alice@example.test\r\nResent-To: bob@example.test",
    "Sender: instead": b"From: list@world.test\r\nSender: alice@example.test",
    "NUL": b"From: alice@example.test\0, bob@example.test",
}


#: Refusals of one session, below the number at which Postfix slows it down.
SESSION = 8


def answers(host: MailHost, heads: dict[str, bytes], port: int) -> Iterator[tuple[str, int, bytes]]:
    """Send alice's messages with these headers; yield name, code and text."""
    items = list(heads.items())
    for start in range(0, len(items), SESSION):
        with host.smtp(port, "alice") as client:
            for name, head in items[start : start + SESSION]:
                yield name, *answer(client, head, ALICE, BOB)


def test_who_one_is_is_taken(host: MailHost) -> None:
    assert {name: text for name, code, text in answers(host, OWN, 465) if code != 250} == {}


def test_who_one_is_not_is_refused(host: MailHost) -> None:
    end = b", which the login alice@example.test may not send as"
    for name, code, text in answers(host, NOT_OWN, 587):
        assert (code, text[:11]) == (550, b"5.7.1 From:"), name
        assert text.endswith(end), name


def test_what_cannot_be_read_is_refused(host: MailHost) -> None:
    for name, code, text in answers(host, UNREADABLE, 465):
        assert (code, text[:6]) == (550, b"5.7.1 "), name


@pytest.mark.parametrize(
    ("user", "own", "other"),
    [
        (CAROL, b"carol+x@second.test", b"alice@example.test"),
        ("bob", b"sales@example.test", b"x@y"),
    ],
)
def test_each_login_has_its_own(host: MailHost, user: str, own: bytes, other: bytes) -> None:
    for port in (465, 587):
        assert submit(host, b"From: " + own, port, user, host.address(user))[0] == 250
    assert submit(host, b"From: " + other, 587, user, host.address(user))[0] == 550


def test_the_null_sender_is_no_way_around(host: MailHost) -> None:
    assert submit(host, b"From: Alice <alice@example.test>", sender="")[0] == 250
    assert submit(host, b"From: bob@example.test", sender="")[0] == 550


def test_what_is_taken_is_signed(host: MailHost) -> None:
    subject = unique("signed alias")
    head = f"From: Sales <sales@example.test>\r\nSubject: {subject}".encode()
    assert submit(host, head, recipient="someone@world.test")[0] == 250
    assert verified(host, outside(host, subject))


def test_mail_of_others_and_of_the_machine_is_not_touched(host: MailHost) -> None:
    heads = (b"From: bob@example.test", b"From: <>", b"X: y", b"From: a@b\r\nFrom: c@d")
    for head in heads:
        code, _ = submit(host, head, 25, user=None, sender="stranger@world.test")
        assert code == 250
    subject = unique("cron")
    text = f"From: bob@example.test\nSubject: {subject}\n\nHello\n"
    host.run("runuser", "-u", "www-data", "--", "sendmail", "-i", "alice", input=text)
    host.wait_for("alice", subject)


def test_a_bounce_arrives(host: MailHost) -> None:
    subject = unique("bounces")
    head = f"From: {ALICE}\r\nSubject: {subject}".encode()
    assert submit(host, head, recipient="nobody@nowhere.invalid")[0] == 250
    wait_until(lambda: subject.encode() in b"".join(bounces(host)), 10, "the bounce in the inbox")


def bounces(host: MailHost) -> list[bytes]:
    return host.search("alice", "Undelivered Mail Returned to Sender")[-3:]
