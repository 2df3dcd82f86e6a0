"""facts/firewall.py and operations/firewall.py; acceptance/ tests the rules with nft(8)."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from pyinfra.api.exceptions import ConnectError
from pyinfra.connectors.ssh import SSHConnector

from facts.configuration import FileState
from facts.firewall import DROP_IN, RULES, UNIT, Firewall, FirewallState, parse_firewall
from facts.machine import MachineState, parse_machine
from operations import firewall
from services.all import ALL
from services.configuration import WantedFile, why_not
from settings.models import Settings
from tests.fake import commands
from tests.inventory import settings
from tests.plan import packages, texts, vps

SOCKETS = """\
socket=udp   UNCONN 0      0           0.0.0.0:68       0.0.0.0:*    users:(("dhclient",pid=1,fd=7))
socket=udp   UNCONN 0      0           0.0.0.0:40123    0.0.0.0:*    users:(("unbound",pid=1,fd=7))
socket=udp   UNCONN 0      0           0.0.0.0:51820    0.0.0.0:*
socket=udp   UNCONN 0      0              [::]:443         [::]:*    users:(("nginx",pid=9,fd=3))
socket=tcp   LISTEN 0      4096  127.0.0.53%lo:53       0.0.0.0:*    users:(("resolved",pid=5,fd=1))
socket=tcp   LISTEN 0      4096     127.0.0.1:631       0.0.0.0:*
socket=tcp   LISTEN 0      4096         [::1]:631          [::]:*
socket=tcp   LISTEN 0      128              *:443             *:*    users:(("nginx",pid=9,fd=3))
socket=tcp   LISTEN 0      128        0.0.0.0:25        0.0.0.0:*    users:(("exim4",pid=8,fd=3))
socket=tcp   LISTEN 0      128           [::]:2222         [::]:*    users:(("sshd",pid=7,fd=3))
"""


def test_ssh_ports_and_what_others_can_reach() -> None:
    lines = ["id=debian", "version=13", "ssh=22", "ssh=2222", "ssh=22", *SOCKETS.splitlines()]
    state = parse_machine(lines)
    assert state.ssh_ports == (22, 2222)
    assert state.nf_tables == ""
    assert state.reachable == {
        "25/tcp": "exim4",
        "443/udp": "nginx",
        "443/tcp": "nginx",
        "2222/tcp": "sshd",
        "51820/udp": "",
    }


FIREWALL = ALL[-1]
BUSY = MachineState(ssh_ports=(22,), reachable={"22/tcp": "sshd", "25/tcp": "", "443/tcp": "nginx"})


def test_a_port_in_use_is_not_closed_unasked() -> None:
    assert why_not([FIREWALL], settings(), BUSY) == [
        "mail_firewall would close what others can reach here now: 443/tcp (nginx); write "
        "mail_open_ports = ['443/tcp'], or of these what is to stay open, or [] for nothing"
    ]


@pytest.mark.parametrize(
    "changes", [{"mail_open_ports": []}, {"mail_open_ports": [443]}, {"mail_firewall": False}]
)
def test_a_port_in_use_that_was_decided_on(changes: dict[str, object]) -> None:
    assert why_not([FIREWALL], settings(**changes), BUSY) == []


def test_a_kernel_without_nf_tables() -> None:
    strict = replace(BUSY, nf_tables="Operation not permitted")
    (problem,) = why_not([FIREWALL], settings(), strict)
    assert "Operation not permitted" in problem
    assert "mail_firewall = False" in problem
    assert why_not([FIREWALL], settings(mail_firewall=False), strict) == []


def rules(settings: Settings, **changes: Any) -> str | None:
    return texts(settings, replace(vps(), **changes))[RULES]


def test_rules() -> None:
    text = rules(settings(mail_open_ports=[8080, "80/tcp", "51820/udp"]), ssh_ports=(22, 2222))
    assert text is not None
    assert 'tcp dport { 22, 2222 } accept comment "SSH"' in text
    assert "tcp dport { 25, 110, 143, 465, 587, 993, 995 } jump mail" in text
    assert 'tcp dport { 80, 8080 } accept comment "mail_open_ports"' in text
    assert 'udp dport { 51820 } accept comment "mail_open_ports"' in text
    assert "flush" not in text


def test_rules_of_a_machine_without_ssh_and_other_ports() -> None:
    text = rules(settings(), ssh_ports=())
    assert text is not None
    assert "SSH" not in text
    assert "mail_open_ports" not in text


def test_switched_off() -> None:
    host_settings = settings(mail_firewall=False).model_copy(update={"mail_ban": None})
    assert rules(host_settings) is None
    assert "nftables" not in packages(host_settings)
    assert "nftables" in packages(settings())


FILES = [
    WantedFile(path, text)
    for path, text in {RULES: "rules", UNIT: "unit", DROP_IN: "drop-in"}.items()
]
NO_FILES = [WantedFile(path, None) for path in (RULES, UNIT, DROP_IN)]


def written(text: str) -> FileState:
    return FileState(hashlib.sha256(text.encode()).hexdigest(), "root", "root", "644")


WRITTEN = {RULES: written("rules"), UNIT: written("unit"), DROP_IN: written("drop-in")}
IN_PLACE = FirewallState(WRITTEN, table=True, loaded=True, enabled=True)


@pytest.mark.parametrize(
    "changes",
    [
        {"files": {}},
        {"files": WRITTEN | {RULES: written("other")}},
        {"files": WRITTEN | {RULES: replace(written("rules"), mode="666")}},
        {"loaded": False},
        {"enabled": False},
        {"unconfirmed": True},
    ],
)
def test_what_is_not_in_place(changes: dict[str, object]) -> None:
    assert firewall.is_in_place(IN_PLACE, FILES)
    assert not firewall.is_in_place(replace(IN_PLACE, **changes), FILES)  # type: ignore[arg-type]


def test_captured_output() -> None:
    digest = "0" * 64
    lines = [f"stat root root 644 1 2 {RULES}", f"{digest}  {RULES}"]
    lines += ["table", "loaded", "enabled", "unconfirmed"]
    files = {RULES: FileState(digest, "root", "root", "644")}
    assert parse_firewall(lines) == FirewallState(files, True, True, True, True)
    assert parse_firewall(["table"]) == FirewallState(table=True)


def test_the_table_goes_only_where_there_is_one() -> None:
    (removal,), _ = commands(firewall.apply, {Firewall: FirewallState(table=True)}, files=NO_FILES)
    assert "nft delete table inet mailhost" in removal
    assert "flush" not in removal
    assert commands(firewall.apply, {Firewall: FirewallState()}, files=NO_FILES) == (
        [],
        ["there is no firewall of ours"],
    )


class Ssh(SSHConnector):
    def __init__(self) -> None:
        """Skip what the real class reads from its host."""


class Connection:
    """A host whose next connection succeeds or fails."""

    print_prefix = "[fake] "

    def __init__(self, connector: object, refusal: str = "") -> None:
        self.connector, self.refusal = connector, refusal
        self.calls: list[str] = []

    def disconnect(self) -> None:
        self.calls.append("disconnect")

    def connect(self, **_options: object) -> None:
        self.calls.append("connect")
        if self.refusal:
            raise ConnectError(self.refusal)


STATE = SimpleNamespace(config=SimpleNamespace(CONNECT_TIMEOUT=10))


def test_a_new_connection_has_to_get_through(caplog: pytest.LogCaptureFixture) -> None:
    good, bad = Connection(Ssh()), Connection(Ssh(), "timed out")
    assert firewall.reconnect(STATE, good)  # type: ignore[arg-type]
    assert good.calls == ["disconnect", "connect"]
    with caplog.at_level("ERROR", "pyinfra"):
        assert not firewall.reconnect(STATE, bad)  # type: ignore[arg-type]
    assert "timed out. The host puts the earlier ones back by itself, 30 seconds" in caplog.text


def test_a_container_has_no_network_in_between() -> None:
    container = Connection(object())
    assert firewall.reconnect(STATE, container)  # type: ignore[arg-type]
    assert container.calls == []
