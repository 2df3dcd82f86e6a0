"""docs/memory.md: its limits are the templates', and its sum is below 1 GB."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.dovecot import DOVECOT
from services.postfix import POSTFIX
from services.service import Service
from testbed.memory import unprovoked
from tests.inventory import settings
from tests.plan import texts, vps

DOCS = Path(__file__).resolve().parent.parent / "docs/memory.md"
ROW = re.compile(r"^\| (\S*) ?\| ([^|]*)\| (\d+) \| ([\d.]+) \| (\d+) \|$", re.MULTILINE)
ROWS = [
    (unit, daemon.split(" ")[0].strip(","), int(count), float(each), int(total))
    for unit, daemon, count, each, total in ROW.findall(DOCS.read_text())
]
FORWARD = {"mail_aliases": {"outside": ["friend@elsewhere.org"]}}


def processes(daemon: str) -> int:
    """Return the number of processes that the table allows a daemon."""
    return next(count for _, name, count, _, _ in ROWS if name == daemon)


def test_the_sum_is_right_and_leaves_room() -> None:
    for unit, daemon, count, each, total in ROWS:
        assert total == pytest.approx(count * each, abs=1), (unit, daemon)
    stated = re.search(r"\*\*sum\*\* .*\*\*(\d+)\*\*", DOCS.read_text())
    assert stated
    assert int(stated[1]) == sum(total for *_, total in ROWS) <= 1024 - 100


@pytest.mark.parametrize("release", ["12", "13"])
def test_postfixs_processes(release: str) -> None:
    found = texts(settings(**FORWARD), vps(release))
    main, master = found["/etc/postfix/main.cf"] or "", found["/etc/postfix/master.cf"] or ""
    default = int(re.findall(r"^default_process_limit = (\d+)", main, re.MULTILINE)[0])
    allowed: dict[str, int] = {}
    for line in master.splitlines():
        fields = line.split()
        unused = fields[:1] == ["relay"]  # only for relay_domains, and there are none
        if len(fields) >= 8 and not line.startswith(("#", " ")) and not unused:
            limit = default if fields[6] == "-" else int(fields[6])
            allowed[fields[7]] = allowed.get(fields[7], 0) + limit
    assert {name: allowed[name] for name in ("smtpd", "smtp", "virtual")} == {
        name: processes(name) for name in ("smtpd", "smtp", "virtual")
    }
    assert processes("cleanup") == allowed["smtpd"] + allowed["pickup"]


@pytest.mark.parametrize("release", ["12", "13"])
def test_dovecots_processes(release: str) -> None:
    text = texts(settings(), vps(release))["/etc/dovecot/dovecot.conf"] or ""
    limits = dict(re.findall(r"^service (\S+) \{[^}]*?process_limit = (\d+)", text, re.MULTILINE))
    assert int(limits["imap"]) == processes("imap")
    assert int(limits["pop3"]) == processes("pop3")
    assert int(limits["imap-login"]) + int(limits["pop3-login"]) == processes("imap-login")


@pytest.mark.parametrize("service", [POSTFIX, DOVECOT])
def test_a_units_bound_is_above_its_part(service: Service) -> None:
    path = f"/etc/systemd/system/{service.name}.service.d/mailhost.conf"
    assert f"\nMemoryMax={service.memory_max}M\n" in (texts(settings())[path] or "")
    part = sum(total for name, *_, total in ROWS if name == service.name)
    assert part < service.memory_max < part * 1.15


def test_alarms_are_what_no_test_provoked() -> None:
    excused = "12.5 mail postfix/smtpd[515]: fatal: unable to connect to the public cleanup service"
    alarms = [
        "12.6 mail dovecot[9]: imap: Panic: file x.c: line 1: assertion failed",
        "20.1 mail postfix/master[4]: fatal: bind 127.0.0.1 port 10026: Address already in use",
    ]
    quoted = "21.0 mail sudo[3]: admin : COMMAND=/bin/grep fatal"
    assert unprovoked([excused, *alarms, quoted], [(12.0, 20.0), (30.0, 40.0)]) == alarms
