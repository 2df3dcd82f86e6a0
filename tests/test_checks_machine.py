"""facts/health.py, and what tasks/checks/machine.py makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.exceptions import FactProcessError

from facts.health import HealthState, parse_health
from facts.services import ServiceState
from tasks.checks import machine
from tasks.checks.finding import Finding, Severity, Status
from tests.inventory import settings

FIXTURES = Path(__file__).parent / "fixtures/facts/health"
GIB = 2**30
NOW = 1_800_000_000.0
DISK = {"size": 20 * GIB, "available": 12 * GIB, "inodes": 1000, "inodes_available": 900}
EMPTY = {"active": {"count": 0, "oldest_age": 0}, "deferred": {"count": 0, "oldest_age": 0}}
GOOD = HealthState(
    clock=(NOW, NOW + 1),
    clock_synchronised=True,
    memory=(GIB, GIB // 2),
    swap=(GIB, GIB),
    disks={"/": DISK, "/var": DISK},
    queue=EMPTY,
    listening=(("0.0.0.0", 25, "master"), ("::", 993, "dovecot"), ("0.0.0.0", 2222, "sshd")),
    failed_units=(),
    updates=(),
    lists_from=NOW - 3600,
    postfix="3.10.5",
    outbound="open 220 mx.example.net ESMTP",
)
RUNS = {
    name: ServiceState(f"{name}.service", enabled=True, active=True, pid=1, action="")
    for name in ("systemd-journald", "opendkim", "opendmarc", "dovecot", "postfix", "fail2ban")
}
RUNS["mailhost-limits.socket"] = ServiceState("mailhost-limits.socket", True, True, 0, "")


@pytest.mark.parametrize("release", ["12", "13"])
def test_captured_output(release: str) -> None:
    lines = (FIXTURES / f"health-{release}.txt").read_text().splitlines()
    health = parse_health(lines)
    assert health.clock is not None
    assert 0 < health.clock[1] - health.clock[0] < 10
    assert health.clock_synchronised is None  # a container's clock is its host's
    assert health.memory is not None
    assert health.memory[0] > health.memory[1] > 0
    assert health.swap == (0, 0)
    assert list(health.disks) == ["/"]
    assert health.disks["/"]["size"] == 270553174016
    assert health.queue is not None
    assert health.queue["deferred"]["count"] == 0
    assert health.listening is not None
    assert {port for _, port, _ in health.listening} >= {22, 25, 110, 143, 465, 587, 993, 995}
    assert ("::", 993, "dovecot") in health.listening
    assert health.failed_units == ()
    waiting = {"12": ("liblzma5", "libapt-pkg6.0", "apt", "libpcre2-8-0", "tzdata"), "13": ()}
    assert health.updates == waiting[release]
    assert health.lists_from
    assert health.postfix.startswith({"12": "3.7.", "13": "3.10."}[release])
    assert health.outbound == "open 220 mx.world.test sink"


def test_other_forms() -> None:
    health = parse_health(
        [
            "NTPSynchronized=no",
            "disk=/ 100 50 - -",
            "sockets=read",
            "listening=*:22 ",
            'listening=127.0.0.53%lo:53 users:(("systemd-resolve",pid=1,fd=2))',
            "lists=5",
            "update=postfix",
            "units=read",
            "failed=apt-daily.service",
            "outbound=192.0.2.7: connect: Connection refused",
            "outbound=192.0.2.7: line 1: /dev/tcp/192.0.2.7/25: Connection refused",
        ]
    )
    assert health.clock_synchronised is False
    assert health.disks == {"/": {"size": 100, "available": 50, "inodes": 0, "inodes_available": 0}}
    assert health.listening == (("::", 22, ""), ("127.0.0.53", 53, "systemd-resolve"))
    assert (health.updates, health.failed_units) == (("postfix",), ("apt-daily.service",))
    assert health.outbound == "Connection refused"


def test_what_was_not_read_is_none() -> None:
    assert parse_health(["postfix="]) == HealthState()


@pytest.mark.parametrize("line", ["nonsense", "clock=soon", "disk=/ many", "listening=x"])
def test_unexpected_output_is_an_error(line: str) -> None:
    with pytest.raises(FactProcessError):
        parse_health([line, "sockets=read"])


def judged(health: HealthState, services: Mapping[str, ServiceState] = RUNS) -> list[Finding]:
    host_settings = settings()
    return [
        *machine.findings(host_settings, health, services, (NOW - 0.1, NOW + 1.1)),
        *machine.network(host_settings, health),
    ]


def test_a_healthy_host() -> None:
    findings = judged(GOOD)
    assert {finding.status for finding in findings} == {Status.OK}
    assert {finding.id for finding in findings} == {
        "host.clock",
        "host.disk",
        "host.listening",
        "host.memory",
        "host.postfix_support",
        "host.queue",
        "host.units",
        "host.updates",
        "net.outbound",
    }


def disk(**changes: int) -> dict[str, Any]:
    return {"disks": {"/": DISK, "/var": {**DISK, "size": 21 * GIB, **changes}}}


def old(seconds: int, name: str = "deferred") -> dict[str, Any]:
    return {"queue": {**EMPTY, name: {"count": 3, "oldest_age": seconds}}}


@pytest.mark.parametrize(
    ("id", "severity", "seen", "changes"),
    [
        ("host.clock", "required", "120 s ahead of", {"clock": (NOW + 121, NOW + 121.5)}),
        ("host.clock", "recommended", "10 s behind", {"clock": (NOW - 10, NOW - 10)}),
        ("host.clock", "recommended", "no daemon", {"clock_synchronised": False}),
        ("host.disk", "recommended", "1.0 of 21.0 GiB", disk(available=GIB)),
        ("host.disk", "required", "0.2 of 21.0 GiB", disk(available=250 * 2**20)),
        ("host.disk", "recommended", "5 % of the inodes", disk(inodes_available=50)),
        ("host.memory", "recommended", "50 of 1024 MiB", {"memory": (GIB, 50 * 2**20)}),
        ("host.memory", "recommended", "0 of 1024 MiB of swap", {"swap": (GIB, 0)}),
        ("host.queue", "recommended", "oldest for 5.0 hours", old(5 * 3600)),
        ("host.queue", "recommended", "3 corrupt", old(1, "corrupt")),
        ("host.updates", "recommended", "postfix", {"updates": ("postfix", "nano")}),
        ("host.units", "recommended", "x.timer failed", {"failed_units": ("x.timer",)}),
        ("host.listening", "recommended", "3306 mysqld", {"listening": (("::", 3306, "mysqld"),)}),
        ("host.listening", "info", "443 nginx", {"listening": (("0.0.0.0", 443, "nginx"),)}),
        ("net.outbound", "required", "Connection refused", {"outbound": "Connection refused"}),
        ("net.outbound", "required", "no answer", {"outbound": "no answer in 4 seconds"}),
        ("net.outbound", "required", "but it says 554", {"outbound": "open 554 no service"}),
        ("net.outbound", "required", "but it says nothing", {"outbound": "open"}),
    ],
)
def test_what_is_wrong_is_named_and_nothing_else(
    id: str, severity: str, seen: str, changes: dict[str, Any]
) -> None:
    failed = [each for each in judged(replace(GOOD, **changes)) if each.status == Status.FAILED]
    assert [(each.id, each.severity) for each in failed] == [(id, severity)]
    assert seen in failed[0].seen
    assert failed[0].remedy


@pytest.mark.parametrize(
    "changes",
    [
        {"clock": (NOW, NOW + 0.01)},
        {"clock_synchronised": None},
        {"updates": ("nano", "vim-common")},
        {"listening": (("127.0.0.1", 3306, "mysqld"), ("::1", 6379, "redis"))},
        old(3600),
        old(90000, "hold"),
        {"postfix": "3.7.11"},
        {"swap": (0, 0)},
        {"disks": {"/": {**DISK, "size": 900 * GIB}}},  # 12 GiB are room enough
    ],
)
def test_what_is_no_fault(changes: dict[str, Any]) -> None:
    assert {each.status for each in judged(replace(GOOD, **changes))} == {Status.OK}


def test_nothing_read_is_unknown() -> None:
    assert {each.status for each in judged(HealthState()) if each.id != "host.units"} == {
        Status.UNKNOWN
    }
    assert {each.status for each in judged(replace(GOOD, lists_from=NOW - 30 * 86400))} == {
        Status.OK,
        Status.UNKNOWN,
    }


def test_a_stopped_service_is_the_units_fault_alone() -> None:
    down = {**RUNS, "postfix": replace(RUNS["postfix"], active=False)}
    findings = judged(replace(GOOD, failed_units=("postfix.service",)), down)
    (failed,) = (each for each in findings if each.status == Status.FAILED)
    assert (failed.id, failed.severity) == ("host.units", Severity.REQUIRED)
    assert failed.seen == "postfix does not run"
    assert "journalctl -u postfix.service" in failed.remedy
    assert [each.id for each in findings if each.status == Status.UNKNOWN] == ["host.queue"]


def test_a_smarthost_takes_the_place_of_port_25() -> None:
    host_settings = settings(mail_relayhost="smtp.example.net:465")
    (finding, _) = machine.network(host_settings, replace(GOOD, outbound="open"))
    assert (finding.status, finding.seen) == (Status.OK, "open")
    assert finding.subject == "smtp.example.net:465 from the host"
    unknown = replace(GOOD, outbound="Name or service not known")
    (finding, _) = machine.network(host_settings, unknown)
    assert finding.status == Status.FAILED
    assert "resolv.conf" in finding.remedy


def test_the_time_that_the_way_takes_is_not_the_clocks_fault() -> None:
    assert machine.offset((10.0, 12.0), (9.5, 12.5)) == 0
    assert machine.offset((13.0, 15.0), (9.5, 12.5)) == 2.5
    assert machine.offset((7.0, 9.0), (9.5, 12.5)) == -2.5
