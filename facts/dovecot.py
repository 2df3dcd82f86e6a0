"""Dovecot as it is configured, who can log in, who is logged in, and what the mailboxes hold."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pyinfra.api import QuoteString, StringCommand
from pyinfra.api.exceptions import FactProcessError

from facts.data import FactData
from facts.fact import Fact
from facts.shell import readable, requires, script

#: After a list of very many users, Dovecot 2.4 goes on failing until it starts anew.
DOVECOT_REMEDY = "restart Dovecot (`systemctl restart dovecot` on the host), then run again"
# Prints those of some users whom Dovecot knows. 67 (EX_NOUSER): it does not know one of them.
_KNOWN = """
known() {
  if doveadm user "$@" > /dev/null 2>&1; then printf '%s\\n' "$@"; return; fi
  for user; do
    if doveadm user "$user" > /dev/null; then echo "$user"; else [ $? = 67 ] || return; fi
  done
}
"""
# Commands that ask the running Dovecot print nothing when it does not run, instead of failing.
_IF_RUNNING = "! systemctl is-active --quiet dovecot.service ||"


def parse_doveconf(output: list[str]) -> dict[str, Any]:
    """
    Parse `doveconf -n` of 2.3 and 2.4.

    A block is a dict under its whole name ("service imap-login"). When blocks share a name (2.3's
    `passdb`), all but the first get a number ("passdb 2").
    """
    root: dict[str, Any] = {}
    stack = [root]
    for line in output:
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if text == "}":
            if len(stack) == 1:
                raise FactProcessError("doveconf closed a block that was not open")
            stack.pop()
        elif text.endswith("{"):
            name = text[:-1].strip()
            block: dict[str, Any] = {}
            number = 2
            key = name
            while key in stack[-1]:
                key, number = f"{name} {number}", number + 1
            stack[-1][key] = block
            stack.append(block)
        else:
            name, equals, value = text.partition("=")
            if not equals:
                raise FactProcessError(f"doveconf printed no setting: {line!r}")
            stack[-1][name.strip()] = value.strip()
    if len(stack) != 1:
        raise FactProcessError("doveconf's output ended within a block")
    return root


def parse_mailbox_status(
    output: list[str], user: str | None = None
) -> dict[str, dict[str, dict[str, int]]]:
    """
    Parse `doveadm -f json mailbox status "messages vsize"`; return user -> folder -> counts.

    + user: whose mailbox was asked for; doveadm names the user only when it was asked for all
    """
    mailboxes: dict[str, dict[str, dict[str, int]]] = {}
    with readable("doveadm printed something else"):
        for row in json.loads("\n".join(output)):
            status = {"messages": int(row["messages"]), "size": int(row["vsize"])}
            mailboxes.setdefault(user or row["username"], {})[row["mailbox"]] = status
    return mailboxes


def parse_who(output: list[str]) -> dict[str, dict[str, dict[str, Any]]]:
    """Parse `doveadm -f tab who` (its JSON form is not JSON for two users, on both releases)."""
    users: dict[str, dict[str, dict[str, Any]]] = {}
    for line in output[1:]:
        fields = line.split("\t")
        if len(fields) != 5:
            raise FactProcessError(f"doveadm who printed something else: {line!r}")
        user, count, service, _, addresses = fields
        found = users.setdefault(user, {}).setdefault(service, {"connections": 0, "addresses": []})
        found["connections"] += int(count)
        found["addresses"] = sorted({*found["addresses"], *addresses.strip("()").split()})
    return users


class Doveconf(Fact[dict[str, Any]]):
    """
    Returns the settings that differ from Dovecot's defaults, see doveconf(1):

    .. code:: python

        {"ssl": "required", "service imap-login": {"process_limit": "2", …}, …}
    """

    default = dict
    requires_command = requires("doveconf")
    process = staticmethod(parse_doveconf)

    def command(self, config: str = "/etc/dovecot/dovecot.conf") -> StringCommand:
        return StringCommand("doveconf -n -c", QuoteString(config))


class DoveadmUsers(Fact[list[str]]):
    """
    Returns who can log in, see doveadm-user(1); nobody when Dovecot does not run:

    .. code:: python

        ["alice@example.org", "bob@example.org"]
    """

    default = list
    requires_command = requires("doveadm")
    remedy = DOVECOT_REMEDY

    def command(self) -> StringCommand:
        return script(f"{_IF_RUNNING} doveadm user '*'")

    def process(self, output: list[str]) -> list[str]:
        return sorted(output)


@dataclass(frozen=True)
class Logins(FactData):
    """
    + known: who can log in, sorted
    + present: who is logged in, sorted
    """

    known: tuple[str, ...] = ()
    present: tuple[str, ...] = ()


class DoveadmLogins(Fact[Logins]):
    """
    Returns who can log in and who is logged in, in one read; nobody when Dovecot does not run:

    + users: who is asked for, full addresses; without them all users are, which Dovecot cannot list
      where there are very many

    .. code:: python

        Logins(known=("alice@example.org", "bob@example.org"), present=("alice@example.org",))
    """

    default = Logins
    requires_command = requires("doveadm")
    remedy = DOVECOT_REMEDY

    def command(self, users: Sequence[str] | None = None) -> StringCommand:
        asked = "doveadm user '*'" if users is None else 'known "$@"'
        return script(f"{_KNOWN}{_IF_RUNNING} {{ {asked} && doveadm -f tab who; }}", *(users or ()))

    def process(self, output: list[str]) -> Logins:
        who = next((i for i, line in enumerate(output) if "\t" in line), len(output))
        return Logins(tuple(sorted(output[:who])), tuple(sorted(parse_who(output[who:]))))


class DoveadmMailboxStatus(Fact[dict[str, dict[str, dict[str, int]]]]):
    """
    Returns messages and bytes of each folder, of all users or of one, see doveadm-mailbox(1);
    nothing when Dovecot does not run:

    .. code:: python

        {"alice@example.org": {"INBOX": {"messages": 3, "size": 5120}}}
    """

    default = dict
    requires_command = requires("doveadm")
    remedy = DOVECOT_REMEDY

    def command(self, user: str | None = None) -> StringCommand:
        self.user = user
        whose = ("-A",) if user is None else ("-u", user)
        text = f"{_IF_RUNNING} doveadm -f json mailbox status \"$@\" 'messages vsize' '*'"
        return script(text, *whose)

    def process(self, output: list[str]) -> dict[str, dict[str, dict[str, int]]]:
        return parse_mailbox_status(output, self.user)


class DoveadmWho(Fact[dict[str, dict[str, dict[str, Any]]]]):
    """
    Returns who is logged in, with connections and client addresses by service, see doveadm-who(1);
    nobody when Dovecot does not run:

    .. code:: python

        {"alice@example.org": {"imap": {"connections": 2, "addresses": ["192.0.2.7"]}}}
    """

    default = dict
    requires_command = requires("doveadm")
    remedy = DOVECOT_REMEDY
    process = staticmethod(parse_who)

    def command(self) -> StringCommand:
        return script(f"{_IF_RUNNING} doveadm -f tab who")
