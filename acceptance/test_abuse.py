"""
Passwords guessed by a stranger (the peer), and who is banned for it: by the inventory of the
targets after five failures, for ten seconds.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from acceptance.support.mailhost import MailHost
from facts.machine import CONTROL_ADDRESSES
from testbed.wait import wait_until

pytestmark = pytest.mark.usefixtures("fresh")

GUESS = (Path(__file__).parent / "programs" / "guess.py").read_text()
FIXTURES = Path(__file__).parent.parent / "tests/fixtures/fail2ban"
CLIENTS = (110, 143, 465, 587, 993, 995)
OPEN = "for port; do (timeout 2 bash -c '</dev/tcp/'$0/$port) 2>/dev/null && echo $port; done; true"
SSH = (
    *("env", "SSH_ASKPASS=/bin/echo", "SSH_ASKPASS_REQUIRE=force"),
    *("setsid", "ssh", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"),
    *("-o", "PubkeyAuthentication=no", "-o", "NumberOfPasswordPrompts=3"),
)


def guess(host: MailHost, service: str, *passwords: str, user: str = "alice") -> list[str]:
    """Try passwords from the peer, all at the same time; return what became of them."""
    found: list[str] = json.loads(
        host.peer.exec("python3", "-", host.target.address, service, user, *passwords, input=GUESS)
    )
    return found


def open_ports(host: MailHost, *ports: int) -> set[int]:
    """Return those of the ports that the peer can connect to."""
    words = host.peer.exec("bash", "-c", OPEN, host.target.address, *map(str, ports)).split()
    return {int(word) for word in words}


def ignored(host: MailHost, address: str, why: str) -> int:
    """How many of an address's failures did not count."""
    return len(host.log(rf"\[mail\] Ignore {address} by {why}$"))


def banned(host: MailHost, jail: str = "mail") -> bool:
    """Whether fail2ban keeps the peer out, or is about to: the packet filter follows."""
    return host.peer.address in host.run("fail2ban-client", "get", jail, "banip").split()


@pytest.fixture(scope="module")
def fresh(host: MailHost) -> None:
    """Nobody has guessed anything in the last hour."""
    host.run("systemctl", "restart", "fail2ban")
    wait_until(lambda: host.run("fail2ban-client", "ping", check=False), 10, "fail2ban answers")


def test_who_guesses_is_banned_until_the_ban_is_over(host: MailHost) -> None:
    # A phone that nobody told of the new password: one failure of five, however often it tries.
    before = ignored(host, host.peer.address, "command")
    assert guess(host, "imap", *["old-password"] * 6) == ["refused"] * 6
    wait_until(
        lambda: ignored(host, host.peer.address, "command") == before + 5,
        20,
        "fail2ban has seen all of them",
    )
    assert not banned(host)
    assert guess(host, "imap", host.passwords["alice@example.test"]) == ["in"]
    # One more by each service.
    with ThreadPoolExecutor() as threads:
        services = ("imap", "pop3", "465", "587")
        answers = threads.map(lambda service: guess(host, service, f"by-{service}"), services)
        assert list(answers) == [["refused"]] * 4
    wait_until(lambda: banned(host), 20, "the peer is banned")
    # Mail from there still arrives, and SSH is another matter.
    wait_until(lambda: open_ports(host, 22, 25, *CLIENTS) == {22, 25}, 10, "the rest is closed")
    host.run("systemctl", "reload", "fail2ban")
    assert banned(host)
    wait_until(lambda: open_ports(host, *CLIENTS) == {*CLIENTS}, 30, "the ban is over")


def test_who_guesses_for_ssh_is_banned_everywhere(host: MailHost) -> None:
    with ThreadPoolExecutor() as threads:
        for _ in range(2):  # three times each
            threads.submit(host.peer.exec, *SSH, f"admin@{host.target.address}", check=False)
    wait_until(lambda: banned(host, "sshd"), 20, "the peer is banned")
    wait_until(lambda: open_ports(host, 22, 25, *CLIENTS) == set(), 10, "all is closed")
    wait_until(lambda: 22 in open_ports(host, 22), 30, "the ban is over")


def test_trusted_networks_and_the_control_machine_are_never_banned(host: MailHost) -> None:
    passwords = [f"never-{number}" for number in range(6)]
    trusted = host.target.gateway
    before = ignored(host, trusted, "ip")
    with ThreadPoolExecutor() as threads:
        refusals = threads.map(lambda password: host.login_refusals("alice", password), passwords)
        assert all(len(refusal) == 3 for refusal in refusals)
    wait_until(lambda: ignored(host, trusted, "ip") >= before + 18, 20, "fail2ban has seen them")
    # Where the deploy came from, by SSH (and sudo, on 13).
    assert host.run("grep", "-v", "^#", CONTROL_ADDRESSES).split() == [trusted]
    before = ignored(host, host.peer.address, "command")
    host.run("sh", "-c", f"echo {host.peer.address} >> {CONTROL_ADDRESSES}")
    try:
        assert guess(host, "imap", *passwords) == ["refused"] * 6
        wait_until(
            lambda: ignored(host, host.peer.address, "command") == before + 6,
            20,
            "fail2ban has seen all of them",
        )
    finally:
        host.run("sed", "-i", f"/^{host.peer.address}$/d", CONTROL_ADDRESSES)


def test_fail2bans_own_tool_agrees_with_the_filters(host: MailHost) -> None:
    for release, address in ((12, "172.27.0.2"), (13, "172.25.0.2")):
        log = (FIXTURES / f"journal-{release}.txt").read_text()
        host.run("sh", "-c", "cat > /run/journal.txt", input=log)
        regex = ("fail2ban-regex", "-o", "<ip> <F-USER> <F-HASH>", "/run/journal.txt")
        found = host.run(*regex, "mailhost").splitlines()
        assert len(found) == 10
        assert f"{address} bob@example.test 521098" in found
