"""Dovecot as it is configured, who can log in, who is logged in, and what the mailboxes hold."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, TypeVar

from pyinfra.api import FactBase, QuoteString, StringCommand
from pyinfra.api.exceptions import FactProcessError
from typing_extensions import override

from facts.data import FactData
from facts.shell import script

T = TypeVar("T")

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
    try:
        for row in json.loads("\n".join(output)):
            status = {"messages": int(row["messages"]), "size": int(row["vsize"])}
            mailboxes.setdefault(user or row["username"], {})[row["mailbox"]] = status
    except (ValueError, KeyError) as error:
        raise FactProcessError(f"doveadm printed something else: {error}") from error
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


class Doveconf(FactBase[dict[str, Any]]):
    """
    Returns the settings that differ from Dovecot's defaults, see doveconf(1):

    .. code:: python

        {"ssl": "required", "service imap-login": {"process_limit": "2", …}, …}
    """

    default = dict

    @override
    def requires_command(self, *args: object, **kwargs: object) -> str:
        return "doveconf"

    @override
    def command(self, config: str = "/etc/dovecot/dovecot.conf") -> StringCommand:
        return StringCommand("doveconf -n -c", QuoteString(config))

    @override
    def process(self, output: list[str]) -> dict[str, Any]:
        return parse_doveconf(output)


class _DoveadmFact(FactBase[T]):
    abstract = True

    @override
    def requires_command(self, *args: object, **kwargs: object) -> str:
        return "doveadm"


class DoveadmUsers(_DoveadmFact[list[str]]):
    """
    Returns who can log in, see doveadm-user(1); nobody when Dovecot does not run:

    .. code:: python

        ["alice@example.org", "bob@example.org"]
    """

    default = list

    @override
    def command(self) -> StringCommand:
        return script(f"{_IF_RUNNING} doveadm user '*'")

    @override
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


class DoveadmLogins(_DoveadmFact[Logins]):
    """
    Returns who can log in and who is logged in, in one read; nobody when Dovecot does not run:

    .. code:: python

        Logins(known=("alice@example.org", "bob@example.org"), present=("alice@example.org",))
    """

    default = Logins

    @override
    def command(self) -> StringCommand:
        return script(f"{_IF_RUNNING} {{ doveadm user '*' && doveadm -f tab who; }}")

    @override
    def process(self, output: list[str]) -> Logins:
        who = next((i for i, line in enumerate(output) if "\t" in line), len(output))
        return Logins(tuple(sorted(output[:who])), tuple(sorted(parse_who(output[who:]))))


class DoveadmMailboxStatus(_DoveadmFact[dict[str, dict[str, dict[str, int]]]]):
    """
    Returns messages and bytes of each folder, of all users or of one, see doveadm-mailbox(1);
    nothing when Dovecot does not run:

    .. code:: python

        {"alice@example.org": {"INBOX": {"messages": 3, "size": 5120}}}
    """

    default = dict

    @override
    def command(self, user: str | None = None) -> StringCommand:
        self.user = user
        whose = ("-A",) if user is None else ("-u", user)
        text = f"{_IF_RUNNING} doveadm -f json mailbox status \"$@\" 'messages vsize' '*'"
        return script(text, *whose)

    @override
    def process(self, output: list[str]) -> dict[str, dict[str, dict[str, int]]]:
        return parse_mailbox_status(output, self.user)


class DoveadmWho(_DoveadmFact[dict[str, dict[str, dict[str, Any]]]]):
    """
    Returns who is logged in, with connections and client addresses by service, see doveadm-who(1);
    nobody when Dovecot does not run:

    .. code:: python

        {"alice@example.org": {"imap": {"connections": 2, "addresses": ["192.0.2.7"]}}}
    """

    default = dict

    @override
    def command(self) -> StringCommand:
        return script(f"{_IF_RUNNING} doveadm -f tab who")

    @override
    def process(self, output: list[str]) -> dict[str, dict[str, dict[str, Any]]]:
        return parse_who(output)
