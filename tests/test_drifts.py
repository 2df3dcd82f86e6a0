"""tasks/drifts: which differences are drifts, without a host."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from facts.configuration import FileState
from facts.firewall import RULES, FirewallState
from facts.live import Listener, LiveState, LooseFolder
from facts.packages import PackageStates, parse_package_states
from facts.services import ServiceState
from facts.tls import CertificateState
from layout import PEM, TLS_PORTS
from services.configuration import WantedFile
from tasks.drifts import files, judge
from tasks.drifts.files import difference
from tasks.drifts.judge import Seen
from tasks.drifts.report import Report, Row, as_json, as_table
from tests.inventory import HASH, settings
from tests.plan import packages, vps, wanted

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
SETTINGS = settings()
MACHINE = replace(
    vps("13"),
    hostname="mail.example.org",
    hostname_file="mail.example.org",
    mailname="example.org",
    swap=2**30,
    vmail=(5000, 5000),
    vmail_folder="vmail:vmail:700",
    update_timers=True,
)
CONFIGURATIONS = list(wanted(SETTINGS, MACHINE).values())
RULES_FILE = {RULES: FileState("0", "root", "root", "644")}
FIREWALL = FirewallState(table=True, loaded=True, enabled=True)
CERTIFICATE = CertificateState(
    names=("mail.example.org",),
    not_after=NOW + timedelta(days=400),
    self_signed=True,
    key_matches=True,
    owner="root:root",
    mode="600",
    not_before=NOW - timedelta(days=2),
    sha256="aa",
)
OTHER = replace(CERTIFICATE, sha256="bb", names=("other.test",))
LISTENERS = tuple(
    Listener("0.0.0.0", port, (("master",) if port in (25, 465, 587) else ("dovecot",)), 9.0)
    for port in TLS_PORTS
)
LOCAL = (Listener("127.0.0.1", 10001, ("postsrsd",), 9.0), Listener("::1", 53, (), 0.0))
SSH = Listener("::", 22, ("sshd",), 9.0)
AT, LATER = 1795570000.0, 1795573600.0


def deployed() -> Seen:
    """Return the facts of a host on which nothing drifted."""
    states = {}
    for path in judge.paths(SETTINGS, CONFIGURATIONS):
        states[path] = FileState("-", "root", "root", "755", AT, LATER)
    for configuration in CONFIGURATIONS:
        for file in configuration.files:
            if file.content is None:
                del states[file.path]
                continue
            digest = hashlib.sha256(file.content.encode()).hexdigest()
            states[file.path] = FileState(digest, file.owner, file.group, file.mode, AT, LATER)
    places = [place for each in CONFIGURATIONS for place in each.service.places(SETTINGS)]
    for place in places:
        owner, _, group = place.owner.partition(":")
        states[place.path] = FileState("k", owner, group, place.mode, AT, LATER)
    return Seen(
        machine=MACHINE,
        packages=PackageStates(frozenset(packages(SETTINGS, MACHINE)), False),
        units={
            each.name: ServiceState(each.service.unit, True, True, 7, "", "enabled, active")
            for each in CONFIGURATIONS
            if each.enabled and each.service.is_watched
        },
        firewall=FIREWALL,
        states=states,
        live=LiveState(
            listeners=(*LISTENERS, *LOCAL, SSH),
            certificate=CERTIFICATE,
            served=dict.fromkeys(TLS_PORTS, CERTIFICATE),
            logins={"/etc/dovecot/users": tuple(SETTINGS.users)},
            superusers=("root",),
        ),
    )


def drift(seen: Seen, **changes: Any) -> list[Row]:
    host_settings = settings(**changes)
    return judge.rows(host_settings, CONFIGURATIONS, seen, NOW, ssh={22})


def with_state(path: str, **changes: Any) -> Seen:
    seen = deployed()
    states = dict(seen.states)
    states[path] = replace(states[path], **changes)
    return replace(seen, states=states)


def with_unit(name: str, **changes: Any) -> Seen:
    seen = deployed()
    return replace(seen, units={**seen.units, name: replace(seen.units[name], **changes)})


def with_live(**changes: Any) -> Seen:
    seen = deployed()
    return replace(seen, live=replace(seen.live, **changes))


def when(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def test_a_host_as_it_was_deployed_has_no_drift() -> None:
    assert drift(deployed()) == []


@pytest.mark.parametrize(
    ("path", "wanted", "changes"),
    [
        ("/etc/postfix/main.cf", "root:root 644", {"mode": "666"}),
        ("/etc/dovecot/users", "root:dovecot 640", {"mode": "644"}),
        ("/etc/dkimkeys/second.org/default.private", "opendkim:opendkim 600", {"owner": "root"}),
        ("/etc/dkimkeys", "opendkim:opendkim 700", {"mode": "777"}),
        (PEM, "root:root 600", {"group": "ssl-cert", "mode": "640"}),
        ("/etc/postfix", "writable by root only", {"mode": "775"}),
    ],
)
def test_owners_and_modes(path: str, wanted: str, changes: dict[str, str]) -> None:
    seen = with_state(path, **changes)
    (row,) = drift(seen)
    assert (row.what, row.wanted) == (path, wanted)
    assert row.found == files.access(seen.states[path])
    assert row.since == when(LATER)


def test_a_hand_edit_is_one_row_although_the_service_has_not_read_it() -> None:
    path = "/etc/postfix/main.cf"
    text = next(
        file.content or "" for each in CONFIGURATIONS for file in each.files if file.path == path
    )
    seen = with_state(path, sha256="0")
    assert judge.readable(CONFIGURATIONS, seen.states) == [path]
    seen = replace(
        seen,
        texts={path: text.replace("biff = no", "biff = yes")},
        units={**seen.units, "postfix": replace(seen.units["postfix"], action="reload")},
    )
    assert drift(seen) == [Row(path, "biff = no", "biff = yes", when(AT))]


def test_files_that_are_missing_or_left_over() -> None:
    seen = deployed()
    states = dict(seen.states)
    gone = ["/etc/opendkim/tables/keys", "/etc/dkimkeys/example.org/default.private"]
    for path in gone:
        del states[path]
    states["/etc/.mailhost.x"] = states["/etc/postfix/tables/relay_login"] = FileState(
        "0", "root", "root", "644", AT, AT
    )
    assert {(row.what, row.found) for row in drift(replace(seen, states=states))} == {
        *((path, "no such file") for path in gone),
        ("/etc/.mailhost.x", "left by a run that was cut off"),
        ("/etc/postfix/tables/relay_login", "a file"),
    }


def test_of_a_passwd_file_only_names_are_shown() -> None:
    path = "/etc/dovecot/users"
    changed = with_state(path, sha256="0")
    assert judge.readable(CONFIGURATIONS, changed.states) == []
    assert [row.found for row in drift(changed)] == ["changed (secret, not shown)"]
    names = ("eve@example.org", *list(SETTINGS.users)[1:])
    seen = replace(changed, live=replace(changed.live, logins={path: names}))
    assert drift(seen) == [
        Row("login eve@example.org", "none", f"a line in {path}", when(AT)),
        Row("login alice@example.org", f"a line in {path}", "none", when(AT)),
    ]
    assert HASH not in as_table(Report("x", NOW, drift(seen)))


@pytest.mark.parametrize(
    ("wanted", "found", "shown"),
    [
        ("a = 1\nb = 2\n", "a = 1\nb = 3\n", ("b = 2", "b = 3")),
        ("a = 1\nb = 2\n", "a = 1\n", ("b = 2", "no such line")),
        ("a = 1\n", "a = 1\nb = 3\nc = 4\n", ("no such line", "b = 3 (and 1 more line)")),
        ("a = 1\n", "a = 1\n\n", ("no such line", "an empty line")),
        ("a = 1\n", "a = 1", ("its content", "other blanks or line ends")),
        (
            "a\n",
            "a\nsmtp_password = hunter2\n",
            ("no such line", "smtp_password (not shown, it may hold a secret)"),
        ),
        (
            "a\n",
            "a\nmaps = inline:{ x = me@x:hunter2 }\n",
            ("no such line", "maps (not shown, it may hold a secret)"),
        ),
        ("a\n", "a\n$6$salt$hash\n", ("no such line", "a line (not shown, it may hold a secret)")),
    ],
)
def test_differences(wanted: str, found: str, shown: tuple[str, str]) -> None:
    assert difference(wanted, found) == shown


def test_what_the_host_learned_is_no_drift() -> None:
    learned = WantedFile("/x", "a\n", learned=True)
    state = {"/x": FileState("0", "root", "root", "666")}
    assert files.changed([learned], state) == []
    assert list(files.content([learned], state, {}, {})) == []
    assert [row.found for row in files.owners([learned], [], state)] == ["root:root 666"]


@pytest.mark.parametrize(
    ("changes", "wanted", "found"),
    [
        ({"active": False, "state": "enabled, failed", "action": "start"}, "running", "failed"),
        ({"enabled": False, "state": "disabled, active"}, "starts at boot", "disabled"),
        ({"enabled": False, "state": "masked, active"}, "starts at boot", "masked"),
        ({"action": "reload"}, "runs what is on disk", "an older one, it needs a reload"),
    ],
)
def test_services(changes: dict[str, Any], wanted: str, found: str) -> None:
    override = {"/etc/systemd/system/opendkim.service": LATER}
    changes = {"since": LATER, **changes}
    if "masked" in str(changes):
        changes["overrides"] = override
    seen = with_unit("opendkim", **changes)
    (row,) = drift(seen)
    since = None if found == "disabled" else when(LATER)
    assert row == Row("opendkim", wanted, found, since)


def test_a_service_that_settings_do_without_or_that_is_not_there() -> None:
    seen = deployed()
    unneeded = ServiceState("postsrsd.service", True, True, 7, "", "enabled, active", AT)
    units = {name: state for name, state in seen.units.items() if name != "opendmarc"}
    seen = replace(seen, units={**units, "postsrsd": unneeded})
    assert {(row.what, row.found) for row in drift(seen)} == {
        ("postsrsd", "running"),
        ("opendmarc", "not installed"),
    }


def test_drop_ins_that_nobody_here_wrote() -> None:
    ours = "/etc/systemd/system/dovecot.service.d/mailhost.conf"
    theirs = "/etc/systemd/system/dovecot.service.d/override.conf"
    seen = with_unit("dovecot", overrides={ours: AT, theirs: LATER})
    assert drift(seen) == [Row(theirs, "no such file", "changes dovecot", when(LATER))]


def test_listeners() -> None:
    strange = (
        Listener("0.0.0.0", 8080, ("python3",), AT),
        Listener("::", 8080, ("python3",), AT),
        Listener("192.0.2.1", 2222, ("sshd",), AT),
        Listener("::ffff:127.0.0.1", 9000, ("php",), AT),
        Listener("0.0.0.0", 443, ("nginx",), AT),
        Listener("0.0.0.0", 25, ("nc",), AT),
    )
    ours = [each for each in LISTENERS if each.port not in (25, 993)]
    seen = with_live(listeners=(*ours, *strange, *LOCAL, SSH))
    assert {(row.what, row.wanted, row.found) for row in drift(seen, mail_open_ports=[443])} == {
        ("port 8080", "nothing listens", "python3 on 0.0.0.0, ::"),
        ("port 2222", "nothing listens", "sshd on 192.0.2.1"),
        ("port 25", "postfix", "nc on 0.0.0.0"),
        ("port 993", "dovecot", "nothing listens"),
    }
    assert [row.found for row in drift(with_live(listeners=None))] == ["ss(8) could not be run"]


def test_ports_of_a_stopped_service_are_not_missed() -> None:
    seen = with_live(
        listeners=[each for each in LISTENERS if each.processes == ("master",)], served={}
    )
    stopped = replace(seen.units["dovecot"], active=False, state="enabled, inactive")
    seen = replace(seen, units={**seen.units, "dovecot": stopped})
    assert [(row.what, row.found) for row in drift(seen)] == [("dovecot", "inactive")]


@pytest.mark.parametrize(
    ("found", "shown"),
    [
        ({}, []),
        ({"table": False, "loaded": False}, ["no rules"]),
        ({"loaded": False, "files": RULES_FILE}, ["other rules"]),
        ({"unconfirmed": True}, ["rules that no run has confirmed"]),
        ({"enabled": False}, ["not"]),
    ],
)
def test_the_firewall(found: dict[str, Any], shown: list[str]) -> None:
    seen = replace(deployed(), firewall=replace(FIREWALL, **found))
    assert [row.found for row in drift(seen) if row.what == "firewall"] == shown


def test_a_firewall_that_is_switched_off() -> None:
    off = {"mail_firewall": False}
    assert [row.found for row in drift(deployed(), **off)] == ["rules in force"]
    assert drift(replace(deployed(), firewall=FirewallState()), **off) == []


def test_certificates() -> None:
    swapped = with_live(served={**dict.fromkeys(TLS_PORTS, CERTIFICATE), 993: OTHER, 995: OTHER})
    assert drift(swapped) == [
        Row(
            "certificate on ports 993, 995",
            f"that of {PEM}",
            "another, for other.test, ends on 2027-12-30",
            OTHER.not_before,
        )
    ]
    mute = with_live(served={port: CERTIFICATE for port in TLS_PORTS if port != 465})
    assert [(row.what, row.found) for row in drift(mute)] == [
        ("TLS on port 465", "no certificate within 10 seconds")
    ]
    expired = replace(CERTIFICATE, not_after=NOW - timedelta(days=1))
    seen = with_live(certificate=expired, served=dict.fromkeys(TLS_PORTS, expired))
    assert [(row.found, row.since) for row in drift(seen)] == [
        ("the certificate ends on 2026-11-24", expired.not_after)
    ]
    other = with_live(certificate=OTHER, served=dict.fromkeys(TLS_PORTS, OTHER))
    assert [row.found for row in drift(other)] == ["the certificate is for other names"]


def test_the_machine() -> None:
    seen = deployed()
    machine = replace(MACHINE, hostname="vps", mailname="", vmail_folder="root:root:755")
    machine = replace(machine, clock_untried=True, update_timers=False, swap=0, swap_room=2**40)
    live = replace(
        seen.live,
        superusers=("root", "toor"),
        loose_folders=(LooseFolder("/var/vmail/example.org/bob", "vmail:vmail", "755", AT),),
    )
    installed = seen.packages.installed - {"opendkim"}
    states = PackageStates(installed, True, frozenset({"postfix"}))
    seen = replace(seen, machine=machine, live=live, packages=states)
    assert {(row.what, row.found) for row in drift(seen)} == {
        ("host name", "vps"),
        ("/etc/mailname", "nothing"),
        ("/var/vmail", "root:root 755"),
        ("/var/vmail/example.org/bob", "vmail:vmail 755"),
        ("systemd-timesyncd", "never started since the boot"),
        ("swap", "none"),
        ("apt-daily timers", "not, or not both"),
        ("account toor", "uid 0"),
        ("package opendkim", "not installed"),
        ("package postfix", "held"),
        ("dpkg", "an installation was cut off"),
    }


def test_a_held_package_is_installed_all_the_same() -> None:
    states = parse_package_states(["hi postfix", "ii dovecot-imapd", "hc opendkim"])
    assert states.installed == {"postfix", "dovecot-imapd"}
    assert states.held == {"postfix", "opendkim"}


def test_the_report() -> None:
    report = Report(
        "mail.example.org", NOW, [Row("x", "a" * 70, "b\x1b[31m", NOW), Row("y", "", "")]
    )
    table = as_table(report)
    assert "2 things drifted" in table
    assert "2026-11-25 03:00" in table
    assert "\x1b" not in table
    assert "a" * 70 not in table
    assert as_json(report)["drift"][0] == {
        "what": "x",
        "wanted": "a" * 70,
        "found": "b\x1b[31m",
        "since": "2026-11-25T03:00:00+00:00",
    }
    assert as_json(report)["drift"][1]["since"] is None
    assert as_table(Report("x", NOW, [])).endswith("nothing drifted")
