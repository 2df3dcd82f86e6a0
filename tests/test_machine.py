"""facts/machine.py and operations/machine.py: the machine below the services."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from facts.machine import MachineState, parse_machine
from operations.machine import prepare_machine
from services.base import obstacles
from tests.fake import commands
from tests.inventory import settings

FIXTURES = Path(__file__).parent / "fixtures/facts/machine"
GIB = 2**30

READY = MachineState(
    release="13",
    memory=GIB,
    swap=GIB,
    hostname="mail.example.org",
    hostname_file="mail.example.org",
    mailname="example.org",
    time_daemon="chrony",
    vmail=(5000, 5000),
    vmail_folder="vmail:vmail:700",
)


@pytest.mark.parametrize("release", ["12", "13"])
def test_captured_output(release: str) -> None:
    machine = parse_machine((FIXTURES / f"machine-{release}.txt").read_text().splitlines())
    assert machine == MachineState(
        release=release,
        memory=24684084 * 1024,
        hostname="mail.example.test",
        hostname_file="mail.example.test",
        mailname="mail.example.test",
        time_daemon="systemd-timesyncd",
        vmail=(5000, 5000),
        vmail_folder="vmail:vmail:700",
        nameservers=("10.255.255.53",),
    )


def test_room_for_swap_and_a_clock_that_nobody_started() -> None:
    machine = parse_machine(
        [
            "id=debian",
            "version=13",
            "free_blocks=1000 4096",
            "time_daemon=systemd-timesyncd",
            "ActiveState=inactive",
            "ConditionTimestamp=",
        ]
    )
    assert (machine.swap_room, machine.clock_untried) == (4096000, True)


@pytest.mark.parametrize(
    ("second", "both_run"), [(["active", "enabled"], True), (["inactive", "disabled"], False)]
)
def test_apts_timers_run_if_both_do(second: list[str], both_run: bool) -> None:
    clock, first = ["inactive", ""], ["active", "enabled"]
    shown = []
    for active, enabled in (clock, first, second):
        shown += [f"ActiveState={active}", f"UnitFileState={enabled}", ""]
    assert parse_machine(["id=debian", "version=13", *shown]).update_timers is both_run


def test_locks_that_others_can_open_are_seen() -> None:
    assert parse_machine(["id=debian", "open_locks=yes"]).open_locks
    assert not parse_machine(["id=debian"]).open_locks


def test_mail_in_memory_is_seen() -> None:
    machine = parse_machine(["id=debian", "volatile=/var/spool/postfix", "volatile=/var/vmail"])
    assert machine.volatile == ("/var/spool/postfix", "/var/vmail")


def test_problems_name_the_remedy() -> None:
    assert obstacles(settings(), READY) == []
    bad = replace(
        READY, release="ubuntu 24.04", memory=256 * 2**20, vmail=None, uid_5000="radicale"
    )
    bad = replace(bad, volatile=("/var/vmail",))
    assert obstacles(settings(), bad) == [
        "Debian 12 or 13 is supported, this is ubuntu 24.04; install one of them",
        "256 MB of memory, at least 512 MB are needed; take a larger machine",
        "/var/vmail is in memory (tmpfs), where mail is gone after a reboot; mount a disk there",
        "the account vmail needs the uid and gid 5000, which 'radicale' has; make the system "
        "account vmail with ids of your choice, then run again",
    ]


def configured(machine: MachineState) -> list[str]:
    arguments = {"hostname": "mail.example.org", "mailname": "example.org", "swap_size": GIB}
    return commands(prepare_machine, {}, machine=machine, **arguments)[0]


def test_a_ready_machine_needs_nothing() -> None:
    assert configured(READY) == []


@pytest.mark.parametrize(
    ("machine", "last_words"),
    [
        (replace(READY, hostname="vps123"), "mailhost mail.example.org example.org"),
        (replace(READY, mailname=""), "mailhost mail.example.org example.org"),
        (replace(READY, vmail=None), "mailhost /var/vmail 5000 5000"),
        (replace(READY, vmail_folder="root:root:755"), "mailhost /var/vmail 5000 5000"),
        (replace(READY, open_locks=True), " mailhost"),
        (replace(READY, swap=0, swap_room=20 * GIB), f"mailhost {GIB}"),
        (replace(READY, time_daemon=""), "systemctl start systemd-timesyncd"),
        (replace(READY, clock_untried=True), "systemctl start systemd-timesyncd"),
    ],
)
def test_each_difference_is_one_command(machine: MachineState, last_words: str) -> None:
    (command,) = configured(machine)
    assert command.endswith(last_words)


@pytest.mark.parametrize("room", [0, GIB])
def test_no_swap_where_there_is_no_room(room: int) -> None:
    assert configured(replace(READY, swap=0, swap_room=room)) == []
