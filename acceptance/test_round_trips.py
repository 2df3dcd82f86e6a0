"""What Postfix and Dovecot look up is what settings say, for settings that hypothesis made."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from acceptance.support.mailhost import MailHost
from facts.machine import MachineState
from preflight import settings_and_problems
from services.all import ALL
from services.configuration import configurations
from services.postfix import FORWARD_DOMAIN, TABLES
from tests.strategies import examples

SCRATCH = "/run/round-trips"
INVENTORIES = range(20)
#: Of each of these a Dovecot of its own is started.
LOGINS = range(18, 20)
TABLE_NAMES = ("virtual_mailboxes", "virtual_aliases", "sender_logins")

# Each answer with its inventory's number and its table; what is not found is not answered.
ASK = """
cd "$1"
tar -x
for keys in */*.keys; do
  table=${keys%.keys}
  postmap -q - "texthash:$1/$table" < "$keys" | sed "s|^|$table |"
done
"""
ASK_FORWARDS = 'cd "$1" && postmap -q - "regexp:$1/$2/forwards" || [ $? = 1 ]'

# A Dovecot of its own, without a port: the configuration as it is deployed, other places.
LOOK_UP = r"""
cd "$1"
own="-c $1/dovecot.conf"
for number in *; do
  [ -e "$number/users" ] || continue
  sed -e "s|/etc/dovecot/users|$1/$number/users|; s|/etc/dovecot/probe-users|/dev/null|" \
    -e "s|/var/spool/postfix/private/auth|$1/auth|; s|^protocols = .*|protocols =|" \
    "$number/dovecot.conf" > dovecot.conf
  printf '%s\n' "base_dir = $1/base" "log_path = $1/log" "instance_name = scratch" >> dovecot.conf
  chown root:dovecot "$number/users"
  chmod 640 "$number/users"
  dovecot $own
  {
    doveadm $own user '*' | sed 's/^/all /'
    xargs doveadm $own auth lookup < "$number/logins" | sed -n 's/^ *user *: /login /p'
    xargs doveadm $own auth lookup < "$number/strangers" | sed -n 's/^ *user *: /stranger /p'
    xargs -n 1 doveadm $own user -f home < "$number/logins" | sed 's/^/home /'
  } 2>/dev/null | sed "s|^|$number |"
  doveadm $own stop
done
"""


@cache
def inventories() -> list[dict[str, Any]]:
    """Return the inventories, the same in every run."""
    found = examples(len(INVENTORIES))
    assert len(found) == len(INVENTORIES)
    return found


def rendered(inventory: dict[str, Any], release: str) -> dict[str, str]:
    """Return path -> content of what would be deployed."""
    settings, problems = settings_and_problems(inventory)
    assert problems == []
    machine = MachineState(release=release, nameservers=("192.0.2.53",))
    return {
        file.path: file.content
        for configuration in configurations(ALL, settings, machine).values()
        for file in configuration.files
        if file.content is not None
    }


def packed(files: Mapping[str, str]) -> bytes:
    """Return the files as a tar archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, text in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


# ---- what the inventory says, worked out anew ---------------------------------------------------
def whole(inventory: Mapping[str, Any], name: str) -> str:
    """Return a name as a full address."""
    return (name if "@" in name else f"{name}@{inventory['mail_domains'][0]}").lower()


def users(inventory: Mapping[str, Any]) -> list[str]:
    return [whole(inventory, name) for name in inventory["mail_users"]]


def aliases(inventory: Mapping[str, Any]) -> dict[str, list[str]]:
    return {
        whole(inventory, name): [whole(inventory, target) for target in targets]
        for name, targets in inventory["mail_aliases"].items()
    }


def strange(addresses: list[str]) -> Iterator[str]:
    """Return keys near those addresses that nobody has."""
    for address in addresses:
        name, _, domain = address.partition("@")
        yield from (f"q{address}", f"{address}q", name, f"@{domain}", f"{name}@sub.{domain}")
        yield from (address.replace("@", "+tag@"), f"{name}%{domain}", domain)


def asked(inventory: Mapping[str, Any]) -> list[str]:
    """Return the keys that each table is asked for: right ones, in capitals too, and wrong ones."""
    ours = [*users(inventory), *aliases(inventory)]
    roles = ("postmaster", "abuse", "root", "hostmaster")
    named = [f"{name}@{domain}" for domain in inventory["mail_domains"] for name in roles]
    wrong = [key for key in strange(ours) if key not in {*ours, *named}]
    return list(dict.fromkeys([*ours, *(each.upper() for each in ours), *named, *wrong]))


def answers(host: MailHost) -> dict[tuple[int, str], dict[str, str]]:
    """Ask Postfix for all keys of all tables: (inventory's number, table) -> key -> value."""
    files = {}
    for number, inventory in enumerate(inventories()):
        texts = rendered(inventory, str(host.release))
        for table in TABLE_NAMES:
            files[f"{number}/{table}"] = texts[f"{TABLES}/{table}"]
            files[f"{number}/{table}.keys"] = "".join(f"{key}\n" for key in asked(inventory))
        if f"{TABLES}/forwards" in texts:
            files[f"{number}/forwards"] = texts[f"{TABLES}/forwards"]
    host.run("mkdir", "-p", SCRATCH)
    said = host.target.exec("sh", "-uc", ASK, "ask", SCRATCH, input=packed(files))
    found: dict[tuple[int, str], dict[str, str]] = {
        (number, table): {} for number in INVENTORIES for table in TABLE_NAMES
    }
    for line in said.splitlines():
        place, _, answer = line.partition(" ")
        which, _, table = place.partition("/")
        key, _, value = answer.partition("\t")
        found[int(which), table][key] = value
    return found


def forwarded(host: MailHost, number: int, addresses: list[str]) -> dict[str, str]:
    """Return what a forward's second pass makes of its recipients."""
    if not addresses:
        return {}
    keys = "".join(f"{address}\n" for address in addresses)
    said = host.run("sh", "-uc", ASK_FORWARDS, "ask", SCRATCH, str(number), input=keys)
    return dict(line.split("\t") for line in said.splitlines())


def test_postfix_finds_what_the_settings_say_and_nothing_else(host: MailHost) -> None:
    found = answers(host)
    for number, inventory in enumerate(inventories()):
        ours, targets = users(inventory), aliases(inventory)
        mailboxes, led, senders = (found[number, table] for table in TABLE_NAMES)
        homes = {
            user: f"{user.partition('@')[2]}/{user.partition('@')[0]}/Maildir/" for user in ours
        }
        assert mailboxes == homes | {user.upper(): home for user, home in homes.items()}

        leads = {alias: value.split(", ") for alias, value in led.items()}
        every = dict.fromkeys(each for led in leads.values() for each in led)
        away = [each for each in every if each.endswith(f"@{FORWARD_DOMAIN}")]
        back = forwarded(host, number, away)
        leads = {alias: [back.get(each, each) for each in led] for alias, led in leads.items()}
        roles = {alias for alias in leads if alias.islower() and alias not in targets}
        assert leads == {
            **targets,
            **{alias.upper(): led for alias, led in targets.items()},
            **{alias: leads[alias] for alias in roles},
        }
        primary = inventory["mail_domains"][0]
        for alias in roles:
            expected = {f"postmaster@{primary}", f"root@{primary}", *ours}
            assert len(leads[alias]) == 1
            assert leads[alias][0] in expected

        def reached(address: str, leads: dict[str, list[str]] = leads) -> set[str]:
            near = leads.get(address, [])
            return {*near}.union(*(reached(each) for each in near if each != address))

        for address in (*ours, *leads):
            may = (reached(address.lower()) | {address.lower()}) & set(ours)
            assert senders.get(address, "") == ",".join(sorted(may)), address
        assert {key.lower() for key in senders} <= {*ours, *leads}


def test_dovecot_knows_the_users_of_the_settings_and_nobody_else(host: MailHost) -> None:
    files: dict[str, str] = {}
    for number in LOGINS:
        inventory = inventories()[number]
        texts = rendered(inventory, str(host.release))
        ours = users(inventory)
        bare = [each for each in inventory["mail_users"] if "@" not in each]
        wrong = [each for each in (*strange(ours), *aliases(inventory)) if "@" in each]
        files |= {
            f"{number}/users": texts["/etc/dovecot/users"],
            f"{number}/dovecot.conf": texts["/etc/dovecot/dovecot.conf"],
            f"{number}/logins": "".join(
                f"{each}\n" for each in (*ours, *(each.upper() for each in ours), *bare)
            ),
            f"{number}/strangers": "".join(f"{each}\n" for each in wrong if each[0] != "@"),
        }
    host.run("mkdir", "-p", SCRATCH)
    host.target.exec("tar", "-C", SCRATCH, "-x", input=packed(files))
    said = host.run("sh", "-uc", LOOK_UP, "look", SCRATCH).splitlines()
    for number in LOGINS:
        inventory = inventories()[number]
        ours = users(inventory)
        bare = [whole(inventory, each) for each in inventory["mail_users"] if "@" not in each]
        logins = [*ours, *ours, *bare]
        homes = [f"/var/vmail/{user.partition('@')[2]}/{user.partition('@')[0]}" for user in logins]
        assert sorted(line for line in said if line.startswith(f"{number} ")) == sorted(
            [
                *(f"{number} all {user}" for user in ours),
                *(f"{number} login {user}" for user in logins),
                *(f"{number} home {home}" for home in homes),
            ]
        )
