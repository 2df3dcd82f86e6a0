"""tasks/scoring: the captured message with right DNS, and with each record wrong in turn."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from tasks.answers import Address
from tasks.checks.finding import Status
from tasks.lookups import Lookups
from tasks.scoring import authentication, judge, names
from tasks.scoring.message import Received
from tasks.scoring.part import Part
from tasks.scoring.questions import LookupFailed, records
from tests.inventory import settings
from tests.scoring import ADDRESS, DOMAIN, FIXTURES, HOST, KEY, SENDING, captured, replaced, zone

# ---- SPF, DKIM, DMARC ----------------------------------------------------------------------------


def judged_spf(lookups: Lookups, sending: list[Address] = SENDING) -> Part:
    received = captured()
    return authentication.spf_part(received, authentication.spf_results(received, sending, lookups))


@pytest.mark.parametrize(
    ("record", "result"),
    [
        ([f'"v=spf1 ip4:{ADDRESS} -all"'], "pass"),
        (['"v=spf1 mx -all"'], "pass"),
        (['"v=spf1 a:mail.example.test -all"'], "pass"),
        (['"v=spf1 redirect=%{d2}._spf.example.test"'], "permerror"),
        (['"v=spf1 -all"'], "fail"),
        (['"v=spf1 ~all"'], "softfail"),
        (['"v=spf1 ?all"'], "neutral"),
        ([], "none"),
        (['"v=spf1 mx -all"', '"v=spf1 a -all"'], "permerror"),
        (['"v=spf1 a:x.test a:y.test a:z.test -all"'], "permerror"),
        (['"v=spf1 ' + "include:example.test " * 11 + '-all"'], "permerror"),
    ],
)
def test_spf(record: list[str], result: str) -> None:
    part = judged_spf(zone(spf=record))
    assert part.finding.seen.startswith(f"{result} for {ADDRESS}")
    assert part.lost == (0 if result == "pass" else 2)


def test_each_sending_address_has_to_pass() -> None:
    part = judged_spf(zone(), [ADDRESS, ip_address("2001:db8::25")])
    assert part.lost == 2
    assert f"pass for {ADDRESS}; softfail for 2001:db8::25" in part.finding.seen


def test_spf_without_an_answer_or_an_address_is_unknown() -> None:
    for part in (judged_spf(zone(DOMAIN)), judged_spf(zone(), [])):
        assert (part.finding.status, part.lost) == (Status.UNKNOWN, 0)


def test_what_nobody_answers_is_named() -> None:
    with pytest.raises(LookupFailed, match=f"^no answer from 192.0.2.53 to TXT of {DOMAIN}$"):
        records(zone(DOMAIN), DOMAIN, "TXT")


def dkim(received: Received, lookups: Lookups) -> Part:
    return authentication.dkim_part(received, authentication.signatures(received, lookups))


@pytest.mark.parametrize("release", [12, 13])
def test_the_captured_signature_verifies(release: int) -> None:
    key = (FIXTURES / f"key-{release}.txt").read_text().strip()
    lookups = zone(key=[f'"{key[:250]}" "{key[250:]}"'])
    part = dkim(captured(release), lookups)
    assert (part.lost, part.finding.seen) == (0, f"the signature of {DOMAIN} verifies")


def test_a_signature_that_does_not_verify_is_named() -> None:
    other = (FIXTURES / "key-12.txt").read_text().strip()
    wrong_key = zone(key=[f'"{other[:250]}" "{other[250:]}"'])
    changed = replaced(b"Lunch on Thursday", b"Lunch on Friday")
    for received, lookups in (
        (captured(), wrong_key),
        (captured(), zone(key=['"v=DKIM1; p="'])),
        (captured(), zone(key=['"no key"'])),
        (changed, zone()),
    ):
        part = dkim(received, lookups)
        assert (part.lost, part.finding.seen) == (
            2,
            f"the signature does not verify by the key at {KEY}",
        )


def test_no_key_and_no_signature_are_told_apart() -> None:
    part = dkim(captured(), zone(key=[]))
    assert (part.lost, part.finding.seen) == (2, f"signed, but there is no key at {KEY}")
    part = dkim(replaced(b"DKIM-Signature:", b"X-Signature:"), zone())
    assert (part.lost, part.finding.seen) == (2, "the message has no signature")


def test_a_broken_signature_field_is_no_valid_one() -> None:
    assert dkim(replaced(b"DKIM-Signature: v=1;", b"DKIM-Signature: v=1; v"), zone()).lost == 2


def dmarc(lookups: Lookups, senders: list[str], signers: list[str]) -> Part:
    received = captured()
    return authentication.dmarc_part(
        received, authentication.policies(received.from_domain, lookups), senders, signers
    )


def test_dmarc_is_met_by_either() -> None:
    assert dmarc(zone(), [DOMAIN], []).finding.seen == f"p=quarantine of {DOMAIN}, met by SPF"
    assert dmarc(zone(), ["x.test"], [DOMAIN]).finding.seen.endswith("met by DKIM")


@pytest.mark.parametrize(
    ("record", "seen"),
    [
        ([], "there is no record at _dmarc.example.test"),
        (['"v=DMARC1; p=none"', '"v=DMARC1; p=reject"'], "2 records, which count as none"),
        (['"v=DMARC1; p=keep"'], "the record of example.test has p=keep"),
        (['"v=spf1 -all"'], "there is no record"),
    ],
)
def test_a_missing_or_wrong_policy_is_named(record: list[str], seen: str) -> None:
    part = dmarc(zone(dmarc=record), [DOMAIN], [DOMAIN])
    assert part.lost == 1.5
    assert part.finding.seen.startswith(seen)


def test_dmarc_that_nothing_meets() -> None:
    part = dmarc(zone(), [], ["x.test"])
    assert part.lost == 1.5
    assert "neither SPF nor DKIM passes for example.test" in part.finding.seen


def test_a_policy_of_the_domain_above_counts() -> None:
    found = authentication.policies(f"news.{DOMAIN}", zone())
    assert [name for name, _ in found] == [DOMAIN]


@pytest.mark.parametrize(
    ("domain", "mode", "expected"),
    [
        ("example.test", "s", True),
        ("mail.example.test", "s", False),
        ("mail.example.test", "r", True),
        ("test-example.test", "r", False),
        ("second.test", "r", False),
    ],
)
def test_alignment(domain: str, mode: str, expected: bool) -> None:
    assert authentication.aligned("example.test", domain, mode) is expected


# ---- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "lost", "seen"),
    [
        ({}, 0, f"{ADDRESS} is {HOST}, and the other way round"),
        ({"ptr": []}, 1.5, f"{ADDRESS} has no PTR record"),
        ({"ptr": ["vps7.provider.test."]}, 1.5, f"the PTR record of {ADDRESS} is vps7.provider."),
        ({"a": ["192.0.2.99"]}, 1.5, f"{ADDRESS} is {HOST}, but {HOST} does not lead back there"),
    ],
)
def test_reverse_dns(changes: dict[str, list[str]], lost: float, seen: str) -> None:
    part = names.pointer(captured(), SENDING, zone(**changes))
    assert part.lost == lost
    assert part.finding.seen.startswith(seen)


@pytest.mark.parametrize(
    ("a", "lost", "seen"),
    [
        ([str(ADDRESS)], 0, f"{HOST} is {ADDRESS}"),
        ([], 1, f"{HOST} has no address in DNS"),
        (["192.0.2.99"], 1, f"{HOST} is 192.0.2.99, not {ADDRESS}"),
    ],
)
def test_helo(a: list[str], lost: float, seen: str) -> None:
    part = names.greeting(captured(), SENDING, zone(a=a))
    assert (part.lost, part.finding.seen) == (lost, seen)


def test_behind_a_smarthost_our_addresses_are_not_judged() -> None:
    host_settings = settings(mail_ipv4="192.0.2.25", mail_ipv6="2001:db8::25")
    assert list(map(str, judge.sending_addresses(host_settings))) == ["192.0.2.25", "2001:db8::25"]
    behind = settings(mail_ipv4="192.0.2.25", mail_relayhost="smtp.example.net:587")
    assert judge.sending_addresses(behind) == []
    for part in (names.pointer(captured(), [], zone()), names.greeting(captured(), [], zone())):
        assert part.finding.status is Status.UNKNOWN
