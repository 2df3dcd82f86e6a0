"""The firewall as the rest of the world meets it, and what it does not break."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from acceptance.support.mailhost import MailHost
from acceptance.support.outside import ports
from testbed.command_line import data_arguments
from testbed.inventory import inventory_data, over_ssh
from testbed.wait import wait_until

FIREWALL = "Firewall: only what is served, kept if SSH gets through"
TABLE = ("nft", "-s", "-t", "list", "table", "inet", "mailhost")
RULES = "/etc/nftables-mailhost.nft"
THEIRS = "add table inet theirs; add chain inet theirs empty"

PING = """
import socket, sys
ping = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
ping.settimeout(5)
ping.sendto(bytes.fromhex("0800f7ff00000000"), (sys.argv[1], 0))
while ping.recvfrom(2048)[0][20] != 0:
    pass
print("echo reply")
"""


@pytest.fixture
def listener(host: MailHost) -> Iterator[int]:
    """The port of a server that is not ours."""
    sink = ("smtp-sink", "-u", "nobody", "0.0.0.0:8080", "9")
    host.run("systemd-run", "-q", "--collect", "--unit=listener", *sink)
    wait_until(lambda: host.run("ss", "-Hltn", "sport = 8080"), 10, "it listens")
    yield 8080
    host.run("systemctl", "stop", "listener")


def test_only_what_is_served_can_be_reached(host: MailHost, listener: int) -> None:
    answers = ports(host, listener, 113, 22, 25, 110, 143, 465, 587, 993, 995)
    assert answers == {
        listener: "ConnectionRefusedError",
        113: "ConnectionRefusedError",
        **dict.fromkeys((22, 25, 110, 143, 465, 587, 993, 995), "open"),
    }
    assert host.peer.exec("python3", "-c", PING, host.target.address).strip() == "echo reply"
    # The machine itself, and what it has asked for (its names come from the peer).
    host.run("bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080")
    host.run("getent", "ahosts", "mx.world.test")


# ---- one address does not take the place of all --------------------------------------------------

FLOOD = """
import socket, sys, time
kept, refused = [], 0
for number in range(500):
    try:
        kept.append(socket.create_connection((sys.argv[1], 143), 3))
    except ConnectionRefusedError:
        refused += 1
print(len(kept), refused, flush=True)
time.sleep(600)
"""


@pytest.fixture
def flood(host: MailHost) -> Iterator[str]:
    """500 connections of one address that say nothing; how many came about, and how many not."""
    told = "/run/flood"
    start = (
        "systemd-run",
        "-q",
        "--collect",
        "--unit=flood",
        f"--property=StandardOutput=file:{told}",
    )
    host.peer.exec("rm", "-f", told)
    host.peer.exec(*start, "python3", "-c", FLOOD, host.target.address)
    yield wait_until(lambda: host.peer.exec("cat", told, check=False).strip(), 20, "the flood")
    host.peer.exec("systemctl", "stop", "flood")
    wait_until(lambda: ports(host, 25)[25] == "open", 10, "the address is served again")


def test_500_idle_connections_of_one_address_leave_others_served(
    host: MailHost, flood: str
) -> None:
    assert flood == "200 300"
    assert ports(host, 25, 22) == {25: "ConnectionRefusedError", 22: "open"}
    with host.imap("alice") as client:
        assert client.noop()[0] == "OK"


# ---- what a run does ---------------------------------------------------------------------------


def test_switching_it_off_on_and_by_hand(host: MailHost, listener: int) -> None:
    host.run("nft", THEIRS)
    with host.deployed(mail_firewall=False) as run:
        assert run.changed == [FIREWALL]
        switched_on_again(host, listener)


def switched_on_again(host: MailHost, listener: int) -> None:
    """From a host without firewall: what closes nothing unasked, and comes back by itself."""
    assert ports(host, listener)[listener] == "open"
    assert host.run(*TABLE, check=False) == ""
    assert host.run("find", "/etc", "-name", "*mailhost*", "-path", "*nft*") == ""

    refused = host.deploy()
    assert refused.code == 1
    # The name of another account's process is not to be seen from a container.
    assert re.search(
        f"{host.name}: mail_firewall would close what others can reach here now: 8080/tcp"
        r"( \(smtp-sink\))?; write mail_open_ports = \['8080/tcp'\]",
        refused.output,
    )
    assert "Starting operation" not in refused.output

    opened = {"mail_open_ports": [listener]}
    assert host.must_deploy(**opened).changed == [FIREWALL]
    assert ports(host, listener, 113) == {listener: "open", 113: "ConnectionRefusedError"}

    wanted = host.run(*TABLE)
    # By hand, and what loads them all anew: Debian's own file flushes the whole ruleset.
    host.run("nft", "insert rule inet mailhost input tcp dport 113 accept")
    assert host.must_deploy(**opened).changed == [FIREWALL]
    assert host.run(*TABLE) == wanted
    assert "theirs" in host.run("nft", "list", "tables"), "no run touches another table"
    host.run("systemctl", "restart", "nftables")
    assert host.run(*TABLE) == wanted
    host.run("systemctl", "reload", "nftables")
    assert host.run(*TABLE) == wanted


# Lets the run's first connection in, and no second one: what `ufw limit` does, only stricter.
ONE_CONNECTION = """
add table inet theirs
add chain inet theirs ssh { type filter hook input priority -5; }
add rule inet theirs ssh tcp dport 22 ct state new limit rate over 1/day burst 1 packets \
  reject with tcp reset
"""


def test_rules_that_no_new_connection_gets_through_are_taken_back(
    host: MailHost, ssh_key: Path, tmp_path: Path
) -> None:
    data = inventory_data(host.target) | over_ssh(host.target, ssh_key)
    (tmp_path / "ssh.py").write_text(f"mail = [({host.target.name!r}, {data!r})]\n")
    (tmp_path / "config.py").write_text("from pyinfra import config\nconfig.CONNECT_TIMEOUT = 2\n")
    by_ssh = replace(host, inventory=tmp_path / "ssh.py", by_docker=False)
    before, rules = host.run(*TABLE), host.run("cat", RULES)

    host.run("nft", "-f", "-", input=ONE_CONNECTION)
    patient = ("--config", str(tmp_path / "config.py"))
    cut_off = by_ssh.pyinfra(
        *patient, "deploy.py", "-y", *data_arguments({"mail_open_ports": [81]})
    )
    host.run("nft", "delete", "table", "inet", "theirs")
    assert cut_off.returncode == 1
    assert "no new connection got through the new firewall rules" in cut_off.stderr
    assert "puts the earlier ones back by itself, 6 seconds after" in cut_off.stderr
    assert wait_until(lambda: host.run(*TABLE) == before, 10, "the earlier rules are back")
    assert host.run("cat", RULES) == rules, "what a reboot would load"

    with by_ssh.deployed(mail_open_ports=[81]) as run:
        assert run.changed == [FIREWALL]
        assert "tcp dport 81 accept" in host.run(*TABLE)
