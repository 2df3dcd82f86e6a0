"""What the facts say, read by the CLI as anybody can, against the services' own tools."""

from __future__ import annotations

import re
from typing import Any

from acceptance.support.mailhost import MailHost
from services.all import ALL
from settings.parsing import parse
from testbed.inventory import DOMAINS, HOSTNAME, inventory_data
from testbed.targets import start
from testbed.wait import wait_until

EMPTY: dict[str, object] = {
    "facts.postfix.Postconf": {},
    "facts.postfix.PostconfMaster": {},
    "facts.postfix.Queue": {},
    "facts.dovecot.Doveconf": {},
    "facts.dovecot.DoveadmLogins": {"known": [], "present": []},
    "facts.dovecot.DoveadmUsers": [],
    "facts.dovecot.DoveadmMailboxStatus": {},
    "facts.dovecot.DoveadmWho": {},
    "facts.opendkim.SigningKeys": {},
}


def test_a_host_has_the_empty_default_of_each(host: MailHost, target_name: str) -> None:
    name = f"{target_name}-bare"
    target = start(name, host.release, hostname=HOSTNAME)
    try:
        inventory = host.inventory.with_name(f"{name}.py")
        inventory.write_text(f"mail = ['@docker/{name}']\n")
        bare = MailHost(host.release, target, host.peer, inventory)
        assert bare.facts(*EMPTY) == EMPTY
    finally:
        target.remove()


def test_postconf(host: MailHost) -> None:
    fact = host.fact("facts.postfix.Postconf")
    assert len(fact) == host.run("postconf", "-n").count("\n")
    for name in ("myhostname", "virtual_mailbox_maps", "milter_default_action"):
        assert fact[name] == host.run("postconf", "-h", name).strip()


def test_postconf_master(host: MailHost) -> None:
    fact = host.fact("facts.postfix.PostconfMaster")
    assert len(fact) == host.run("postconf", "-M").count("\n")
    for line in host.run("postconf", "-P").splitlines():
        path, _, value = line.partition(" =")
        service, _, option = path.rpartition("/")
        assert fact[service]["options"][option] == value.strip()


def test_queue(host: MailHost) -> None:
    host.run("postsuper", "-d", "ALL")
    for _ in range(3):
        host.run("sendmail", "later@world.test", input="Subject: later\n\n")
    wait_until(lambda: host.run("postqueue", "-j").count('"deferred"') == 3, 40, "3 deferred")
    held = re.findall(r'"queue_id": "(\w+)"', host.run("postqueue", "-j"))[0]
    host.run("postsuper", "-h", held)
    arrived = [int(word) for word in re.findall(r'_time": (\d+)', host.run("postqueue", "-j"))]
    fact = host.fact("facts.postfix.Queue")
    assert (fact["deferred"]["count"], fact["hold"]["count"]) == (2, 1)
    age = int(host.run("date", "+%s")) - min(arrived)
    assert age - 5 <= max(queue["oldest_age"] for queue in fact.values()) <= age
    host.run("postsuper", "-d", "ALL")
    assert all(queue["count"] == 0 for queue in host.fact("facts.postfix.Queue").values())


def test_doveconf(host: MailHost) -> None:
    fact = host.fact("facts.dovecot.Doveconf")
    for name in ("mail_home", "protocols", "mail_max_userip_connections"):
        assert fact[name] == host.run("doveconf", "-h", name).strip()
    limit = host.run("doveconf", "-h", "service/imap-login/process_limit").strip()
    assert fact["service imap-login"]["process_limit"] == limit


def test_dovecots_users_sessions_and_mailboxes(host: MailHost) -> None:
    users = sorted(host.run("doveadm", "user", "*").split())
    assert host.fact("facts.dovecot.DoveadmUsers") == users
    with host.imap("bob") as client:
        client.create('"Caf&AOk- &- Bar"')
        client.select()
        sessions = host.fact("facts.dovecot.DoveadmWho")
        logins = host.fact("facts.dovecot.DoveadmLogins")
        assert (logins["known"], logins["present"]) == (users, sorted(sessions))
        assert sessions["bob@example.test"]["imap"]["connections"] >= 1
        status = host.fact("facts.dovecot.DoveadmMailboxStatus", "user=bob@example.test")
        client.delete('"Caf&AOk- &- Bar"')
    assert list(status) == ["bob@example.test"]
    assert "Café & Bar" in status["bob@example.test"]
    shown = host.run("doveadm", "mailbox", "status", "-u", "bob", "messages vsize", "INBOX")
    inbox = status["bob@example.test"]["INBOX"]
    assert f"messages={inbox['messages']} vsize={inbox['size']}" in shown


def test_signing_keys(host: MailHost) -> None:
    fact = host.fact("facts.opendkim.SigningKeys")
    assert sorted(fact) == sorted(DOMAINS)
    for domain in DOMAINS:
        key = fact[domain]["default"]
        public = "openssl pkey -in $0 -pubout -outform DER | base64 -w 0"
        assert key["public_key"] == host.run("sh", "-c", public, key["path"]).strip()
        status = host.run("stat", "-c", "%U %G %a", key["path"]).split()
        assert [key["owner"], key["group"], key["mode"]] == status
        assert key["bits"] == 2048


def wanted_services(host: MailHost) -> dict[str, dict[str, Any]]:
    """Return what the fact says of the services that the host wants; others may be left behind."""
    settings, _ = parse(inventory_data(host.target))
    wanted = {each.name for each in ALL if each.is_watched and each.enabled(settings)}
    fact = host.fact("facts.services.Services")
    assert fact.keys() >= wanted
    return {name: state for name, state in fact.items() if name in wanted}


def test_services(host: MailHost) -> None:
    fact = wanted_services(host)
    assert {name: fact[name]["pid"] for name in host.pids()} == host.pids()
    assert all(service["action"] == "" and service["enabled"] for service in fact.values())
    host.run("touch", "/etc/dovecot/dovecot.conf")
    fact = wanted_services(host)
    # Postfix too: its smtpd would go on asking Dovecot's old auth process.
    assert [name for name in fact if fact[name]["action"] == "reload"] == ["dovecot", "postfix"]
    host.must_deploy()
    assert {service["action"] for service in wanted_services(host).values()} == {""}
