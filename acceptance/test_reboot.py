"""A reboot under load: everything comes back in order, without a run, and nothing is lost by it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from acceptance.support.killing import settle
from acceptance.support.ledger import HEADER, Ledger
from acceptance.support.load import Load
from acceptance.support.mailhost import MailHost
from services.postfix import POSTFIX
from testbed.wait import wait_until

# What Postfix says when what it asks is not there yet, or gone before it.
MISSING = r"connect to Milter|SASL: Connect|TCP map"
ASKED = ("opendkim", "opendmarc", "postsrsd", "dovecot")
# What alice wrote is signed, wherever it is by now.
UNSIGNED = f"""
grep -rlm1 "^{HEADER}: $1-" "$2" | xargs -r grep -l "^From: alice@example.test" |
  xargs -r grep -L "^DKIM-Signature: .*d=example.test" || true
"""


def started_at(host: MailHost) -> tuple[int, dict[str, int]]:
    """Return when systemd began to start Postfix, and when what it asks was there; microseconds."""

    def at(moment: str, *units: str) -> list[int]:
        moments = ("show", "--value", "-p", f"{moment}TimestampMonotonic", *units)
        return [int(line) for line in host.run("systemctl", *moments).split()]

    (begin,) = at("InactiveExit", host.unit(POSTFIX))
    return begin, dict(zip(ASKED, at("ActiveEnter", *ASKED), strict=True))


@pytest.mark.provoking
def test_a_reboot_under_load_is_no_event(host: MailHost, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    started = time.time()
    with Load(host, ledger, pace=0.1):
        wait_until(lambda: len(ledger.entries()) >= 20, 30, "mail before the reboot")
        host.reboot()
        before = len(ledger.entries())
        wait_until(lambda: len(ledger.entries()) >= before + 20, 60, "mail after the reboot")
    settle(host)
    verdict = ledger.judge(ledger.found(host))
    assert verdict.good, f"{verdict}\nlost {verdict.lost}\nwrong {verdict.wrong}"

    begin, others = started_at(host)
    assert begin >= max(others.values()), f"Postfix at {begin}, {others}"
    assert host.log(MISSING, since=started) == []
    for machine, folder in ((host.target, "/var/vmail"), (host.peer, "/var/mail/sink/new")):
        assert machine.exec("sh", "-c", UNSIGNED, "unsigned", ledger.run, folder) == ""

    for port in (110, 995):
        with host.pop3("bob", port) as pop3:
            assert pop3.stat()[0]
    for port in (143, 993):
        with host.imap("bob", port) as imap:
            assert imap.select("INBOX")[0] == "OK"

    pids = host.pids()
    assert host.must_deploy().changed == []
    assert host.pids() == pids
