"""docs/memory.md: its limits are those of the templates, and its sum is below 1 GB."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from layout import VMAIL_IDS
from services import dovecot, postfix
from services.service import Configuration
from testbed.memory import unprovoked
from tests.inventory import settings

DOCS = Path(__file__).resolve().parent.parent / "docs/memory.md"
ROW = re.compile(r"^\| (\S*) ?\| ([^|]*)\| (\d+) \| ([\d.]+) \| (\d+) \|$", re.MULTILINE)
ROWS = [
    (unit, daemon.split(" ")[0].strip(","), int(count), float(each), int(total))
    for unit, daemon, count, each, total in ROW.findall(DOCS.read_text())
]
FORWARD = {"mail_aliases": {"outside": ["friend@elsewhere.org"]}}


def content(configuration: Configuration, path: str) -> str:
    """Return the text of one of a service's files."""
    (found,) = (file.content for file in configuration.files if file.path == path)
    assert found is not None
    return found


def processes(daemon: str) -> int:
    """Return how many processes the table allows a daemon."""
    return next(count for _, name, count, _, _ in ROWS if name == daemon)


def test_the_sum_is_right_and_leaves_room() -> None:
    for unit, daemon, count, each, total in ROWS:
        assert total == pytest.approx(count * each, abs=1), (unit, daemon)
    stated = re.search(r"\*\*sum\*\* .*\*\*(\d+)\*\*", DOCS.read_text())
    assert stated
    assert int(stated[1]) == sum(total for *_, total in ROWS) <= 1024 - 100


@pytest.mark.parametrize("release", ["12", "13"])
def test_postfixs_processes(release: str) -> None:
    configuration = postfix.configuration(release, settings(**FORWARD), VMAIL_IDS)
    default = int(
        re.findall(
            r"^default_process_limit = (\d+)",
            content(configuration, "/etc/postfix/main.cf"),
            re.MULTILINE,
        )[0]
    )
    allowed: dict[str, int] = {}
    for line in content(configuration, "/etc/postfix/master.cf").splitlines():
        fields = line.split()
        unused = fields[:1] == ["relay"]  # for relay_domains, of which there are none
        if len(fields) >= 8 and not line.startswith(("#", " ")) and not unused:
            limit = default if fields[6] == "-" else int(fields[6])
            allowed[fields[7]] = allowed.get(fields[7], 0) + limit
    assert {name: allowed[name] for name in ("smtpd", "smtp", "virtual")} == {
        name: processes(name) for name in ("smtpd", "smtp", "virtual")
    }
    assert processes("cleanup") == allowed["smtpd"] + allowed["pickup"]


@pytest.mark.parametrize("release", ["12", "13"])
def test_dovecots_processes(release: str) -> None:
    text = content(
        dovecot.configuration(release, settings(), VMAIL_IDS), "/etc/dovecot/dovecot.conf"
    )
    limits = dict(re.findall(r"^service (\S+) \{[^}]*?process_limit = (\d+)", text, re.MULTILINE))
    assert int(limits["imap"]) == processes("imap")
    assert int(limits["pop3"]) == processes("pop3")
    assert int(limits["imap-login"]) + int(limits["pop3-login"]) == processes("imap-login")


@pytest.mark.parametrize("unit", ["postfix", "dovecot"])
def test_a_units_bound_is_above_its_part(unit: str) -> None:
    configuration = (
        postfix.configuration("13", settings(), VMAIL_IDS)
        if unit == "postfix"
        else dovecot.configuration("13", settings(), VMAIL_IDS)
    )
    text = content(configuration, f"/etc/systemd/system/{unit}.service.d/mailhost.conf")
    bound = int(re.findall(r"^MemoryMax=(\d+)M$", text, re.MULTILINE)[0])
    part = sum(total for name, *_, total in ROWS if name == unit)
    assert part < bound < part * 1.15


def test_alarms_are_what_no_test_provoked() -> None:
    excused = "12.5 mail postfix/smtpd[515]: fatal: unable to connect to the public cleanup service"
    alarms = [
        "12.6 mail dovecot[9]: imap: Panic: file x.c: line 1: assertion failed",
        "20.1 mail postfix/master[4]: fatal: bind 127.0.0.1 port 10026: Address already in use",
    ]
    quoted = "21.0 mail sudo[3]: admin : COMMAND=/bin/grep fatal"
    assert unprovoked([excused, *alarms, quoted], [(12.0, 20.0), (30.0, 40.0)]) == alarms
