"""Mail between two hosts of this package, by the DNS records that it wrote for them."""

from __future__ import annotations

import re
import smtplib
import time
from collections.abc import Iterator
from email import message_from_bytes

import pytest

from acceptance.support.mailhost import MailHost
from acceptance.support.pair import USERS, Pair
from acceptance.support.signatures import unique
from acceptance.support.tls import certificate_in_place
from testbed.messages import message
from testbed.wait import wait_until


def results(host: MailHost, raw: bytes) -> dict[str, str]:
    """Return method -> the rest of its result, of what a host wrote under its own name."""
    found: dict[str, str] = {}
    for field in message_from_bytes(raw).get_all("Authentication-Results", []):
        name, _, text = " ".join(str(field).split()).partition("; ")
        if name == host.hostname:
            found.update(re.findall(r"(spf|dkim|dmarc)=(.*?)(?=; (?:spf|dkim|dmarc)=|$)", text))
    return found


def passed(host: MailHost, raw: bytes) -> set[str]:
    """Return the methods that passed."""
    return {method for method, text in results(host, raw).items() if text.startswith("pass")}


@pytest.mark.parametrize(("sender", "recipient"), [("ann", "ben"), ("ben", "ann")])
def test_mail_between_them_passes_spf_dkim_and_dmarc(
    pair: Pair, sender: str, recipient: str
) -> None:
    there, here = pair.hosts if sender == "ann" else reversed(pair.hosts)
    subject = unique("between")
    mail = message(subject, there.address(sender), here.address(recipient))
    there.send(mail, sender)
    raw = here.wait_for(recipient, subject)
    assert passed(here, raw) == {"spf", "dkim", "dmarc"}, results(here, raw)
    received = message_from_bytes(raw)["Received"]
    assert re.search(rf"from {there.hostname} .*using TLSv1\.3", received, re.DOTALL)
    assert there.log(rf"TLS connection established to {here.hostname}.*TLSv1\.3")


@pytest.mark.parametrize("alias", ["forward", "copy"])
def test_a_forward_keeps_passing(pair: Pair, alias: str) -> None:
    subject = unique("forward")
    pair.alpha.send(message(subject, "ann@alpha.example", f"{alias}@beta.example"), "ann")
    raw = pair.alpha.wait_for("amy", subject)
    assert passed(pair.alpha, raw) == {"spf", "dkim", "dmarc"}, results(pair.alpha, raw)
    assert results(pair.alpha, raw)["spf"] == "pass smtp.mailfrom=beta.example", "the forwarder's"
    assert "alpha.example" in results(pair.alpha, raw)["dkim"], "the first signature survives"
    if alias == "copy":
        kept = message_from_bytes(pair.beta.wait_for("bea", subject))
        assert kept["Return-Path"] == "<ann@alpha.example>", "only what is forwarded is rewritten"


def bounce(pair: Pair, about: str) -> bytes:
    """Return the bounce of a message of ann's, as soon as she has it."""

    def arrived() -> bytes:
        found = pair.alpha.search("ann", "Undelivered Mail Returned to Sender")
        return next((raw for raw in found if about.encode() in raw), b"")

    return wait_until(arrived, 60, f"the bounce of {about!r}")


def test_a_bounce_of_a_forward_finds_its_way_back_and_is_signed(pair: Pair) -> None:
    subject = unique("lost")
    pair.alpha.send(message(subject, "ann@alpha.example", "lost@beta.example"), "ann")

    raw = bounce(pair, subject)
    assert b"refused@world.test" in raw
    assert {"dkim", "dmarc"} <= passed(pair.alpha, raw), results(pair.alpha, raw)


def test_a_loop_between_hosts_ends(pair: Pair) -> None:
    subject = unique("loop")
    pair.alpha.send(message(subject, "ann@alpha.example", "loop@beta.example"), "ann")

    assert b"too many hops" in bounce(pair, subject)
    assert [host.run("postqueue", "-p") for host in pair.hosts] == ["Mail queue is empty\n"] * 2


def forge(host: MailHost, sender: str, recipient: str, subject: str) -> None:
    """Send from outside, with another envelope sender, what says that it is from `sender`."""
    with host.smtp(25) as client:
        mail = message(subject, sender, recipient)
        client.send_message(mail, "stranger@world.test", recipient)


def test_a_forgery_is_marked(pair: Pair) -> None:
    subject = unique("forged")
    forge(pair.alpha, "ben@beta.example", "ann@alpha.example", subject)
    raw = pair.alpha.wait_for("ann", subject)
    assert results(pair.alpha, raw)["dmarc"].startswith("fail (p=reject"), raw[:2000]


def test_a_forgery_is_refused_where_policy_is_enforced(pair: Pair) -> None:
    subject = unique("forged")
    with pytest.raises(smtplib.SMTPDataError, match=r"550.*5\.7\.1.*alpha\.example"):
        forge(pair.beta, "ann@alpha.example", "ben@beta.example", subject)
    assert not pair.beta.search("ben", subject)


def test_the_open_second_pass_is_for_this_machine_only(pair: Pair) -> None:
    with pair.beta.smtp(25) as client:
        client.mail("stranger@world.test")
        assert client.rcpt("someone=world.test@forward.invalid")[0] == 554
    listening = pair.beta.run("ss", "-ltnH")
    assert set(re.findall(r"(\S+):1000[12] |(\S+):10026 ", listening)) == {
        ("127.0.0.1", ""),
        ("", "127.0.0.1"),
    }


def test_without_the_dmarc_filter_mail_waits_where_policy_is_enforced(pair: Pair) -> None:
    answers = []
    for host in pair.hosts:
        host.run("systemctl", "stop", "opendmarc")
        try:
            with host.smtp(25) as client:
                answers.append(client.mail("stranger@world.test")[0])
        finally:
            host.run("systemctl", "start", "opendmarc")
    assert answers == [250, 451]


# ---- MTA-STS: who sends by the policy of the other ---------------------------------------------
RESOLVER = "{ host: 0.0.0.0, cache: { type: internal }, default_zone: { timeout: 4 } }"
SENDS_BY_POLICY = """
cat > /etc/postfix/authority.pem
cp -p /etc/postfix/main.cf /root/main.cf
postconf -e smtp_tls_CAfile=/etc/postfix/authority.pem "smtp_tls_policy_maps=socketmap:inet:$1"
postfix reload
"""


@pytest.fixture
def by_policy(pair: Pair) -> Iterator[Pair]:
    """Both ask Debian's MTA-STS resolver, which runs at the peer, whom to send to and how."""
    authority = pair.authority.path.read_text()
    pair.world.exec("sh", "-c", "cat > /opt/authority.pem", input=authority)
    pair.world.exec("sh", "-c", "cat > /opt/mta-sts.yml", input=RESOLVER)
    trust = "--setenv=SSL_CERT_FILE=/opt/authority.pem"
    run = ("systemd-run", "-q", "--collect", "--unit=mta-sts", trust)
    pair.world.exec(*run, "mta-sts-daemon", "-c", "/opt/mta-sts.yml")
    listens = ("ss", "-Hltn", "sport = 8461")
    wait_until(lambda: pair.world.exec(*listens), 20, "the resolver listens")
    for host in pair.hosts:
        resolver = f"{pair.world.address}:8461:postfix"
        host.run("sh", "-euc", SENDS_BY_POLICY, "sh", resolver, input=authority)
    yield pair
    for host in pair.hosts:
        host.run("sh", "-euc", "mv /root/main.cf /etc/postfix/main.cf; postfix reload")
        host.run("rm", "/etc/postfix/authority.pem")
    pair.world.exec("systemctl", "stop", "mta-sts")


def test_who_enforces_the_policy_sends_in_verified_tls_or_not_at_all(by_policy: Pair) -> None:
    alpha, beta = by_policy.hosts
    began = time.time()
    for there, here in ((alpha, beta), (beta, alpha)):
        sender, recipient = (USERS[host.domains[0]][0] for host in (there, here))
        subject = unique("policy")
        there.send(message(subject, there.address(sender), here.address(recipient)), sender)
        here.wait_for(recipient, subject)
        verified = rf"Verified TLS connection established to {here.hostname}\["
        assert there.log(verified, since=began)
    subject = unique("policy")
    with certificate_in_place(beta, by_policy.authority.issue(["mail.elsewhere.example"]).pem):
        alpha.send(message(subject, "ann@alpha.example", "ben@beta.example"), "ann")
        deferred = "to=<ben@beta.example>.*status=deferred .Server certificate not verified"
        wait_until(lambda: alpha.log(deferred, since=began), 20, "mail waits")
    alpha.run("postqueue", "-f")
    beta.wait_for("ben", subject)


def test_a_second_run_of_both_changes_nothing(pair: Pair) -> None:
    both = MailHost(0, pair.alpha.target, pair.world, pair.inventory)
    both.must_deploy()  # what the tests before have done to them
    before = [host.pids() for host in pair.hosts]
    assert both.must_deploy().changed == []
    assert [host.pids() for host in pair.hosts] == before
