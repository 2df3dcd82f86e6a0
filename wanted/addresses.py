"""Addresses: who receives their mail, and who may send as them. Pure functions of the settings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from settings.models import Settings
from settings.values import PASSWORD_REMEDY, UNKNOWN, fqdn, local_part

#: RFC 2142's names, and the two that a machine's own mail goes to. Each always has a recipient.
RFC_2142_NAMES = (
    *("postmaster", "abuse", "hostmaster", "webmaster", "www", "noc", "security", "info", "sales"),
    *("support", "marketing", "usenet", "news", "uucp", "ftp", "root", "mailer-daemon"),
)

#: A dot-atom (RFC 5322, section 3.2.3), without what Postfix or another host may take for a
#: command, a file, a route or an option.
_TARGET = re.compile(r"[a-z0-9_#&'*=?^{}~$+][a-z0-9_#&'*=?^{}~$+./|`-]*", re.ASCII)

#: The sender of `make score`. It has a login while that runs, and never a mailbox.
SCORE_SENDER = "mailhost-probe"


def score_sender(settings: Settings) -> str:
    """Return the address that `make score` sends from."""
    return f"{SCORE_SENDER}@{settings.primary_domain}"


def aliases(settings: Settings) -> dict[str, list[str]]:
    """
    Return alias -> targets, all full addresses: the inventory's aliases, and RFC 2142's names in
    every domain. The latter lead to the primary domain's postmaster, who is root's alias if there
    is one, and otherwise the first user.
    """
    found = dict(settings.aliases)
    postmaster, root = (f"{name}@{settings.primary_domain}" for name in ("postmaster", "root"))
    taken = {*settings.users, *found}
    if postmaster not in taken and implicit_mailbox(settings) is None:
        found[postmaster] = [root if root in taken else _first_user(settings)]
    for domain in settings.mail_domains:
        for name in RFC_2142_NAMES:
            address = f"{name}@{domain}"
            if address not in taken and address != postmaster:
                found[address] = [postmaster]
    return found


def _first_user(settings: Settings) -> str:
    own = [user for user in settings.users if user.endswith(f"@{settings.primary_domain}")]
    return (own or list(settings.users))[0]


def implicit_mailbox(settings: Settings) -> str | None:
    """Return postmaster's address if it leads to nobody: a mailbox without login keeps its mail."""
    postmaster, root = (f"{name}@{settings.primary_domain}" for name in ("postmaster", "root"))
    if settings.users or postmaster in settings.aliases or root in settings.aliases:
        return None
    return postmaster


def machine_sites(settings: Settings) -> tuple[str, ...]:
    """Return the domains that mail written on this machine may have for the machine itself."""
    return settings.mail_hostname, "localhost", f"localhost.{settings.primary_domain}"


def is_remote(settings: Settings, address: str) -> bool:
    """Whether an address is on another host."""
    return address.rpartition("@")[2] not in (*settings.mail_domains, *machine_sites(settings))


def remote_targets(settings: Settings) -> list[str]:
    """Return the addresses on other hosts that aliases lead to, sorted."""
    targets = {target for targets in settings.aliases.values() for target in targets}
    return sorted(target for target in targets if is_remote(settings, target))


def mailboxes(settings: Settings) -> list[str]:
    """Return every address with a mailbox: the users, and the implicit one."""
    implicit = implicit_mailbox(settings)
    return [*settings.users, *([implicit] if implicit else [])]


def sender_logins(settings: Settings) -> dict[str, list[str]]:
    """Return address -> logins that may send as it: the user, and users whom an alias leads to."""
    all_aliases = aliases(settings)

    def reached(alias: str) -> Iterator[str]:
        """Yield users that it leads to; no recursion, and a set of names seen ends loops."""
        seen, ahead = {alias}, list(all_aliases[alias])
        while ahead:
            target = ahead.pop()
            if target in settings.users:
                yield target
            if target not in seen:
                seen.add(target)
                ahead += all_aliases.get(target, [])

    logins = {user: [user] for user in settings.users}
    for alias in all_aliases:
        if users := sorted({*reached(alias), *logins.get(alias, [])}):
            logins[alias] = users
    return logins


def problems(settings: Settings) -> list[str]:
    """Return what is wrong with users and aliases, one line each with its remedy."""
    if settings.mail_domains == [UNKNOWN]:
        return []  # reported already, and without domains every address would be wrong
    return [
        *_name_problems(settings, "mail_users", settings.mail_users),
        *_name_problems(settings, "mail_aliases", settings.mail_aliases),
        *(
            f"mail_users.{name}.password_hash: is missing; {PASSWORD_REMEDY}"
            for name, user in settings.mail_users.items()
            if user.state == "present" and user.password_hash is None
        ),
        *(problem for name in settings.mail_aliases for problem in _alias_problems(settings, name)),
        *_loops(settings),
    ]


def _name_problems(settings: Settings, key: str, names: Iterable[str]) -> Iterator[str]:
    seen: dict[str, str] = {}
    for name in names:
        address = settings.address(name)
        local, _, domain = address.rpartition("@")
        try:
            local_part(local)
        except ValueError as error:
            yield f"{key}.{name}: {error}"
        if address == score_sender(settings):
            yield f"{key}.{name}: is the sender of 'make score'; choose another name"
        if domain not in settings.mail_domains:
            yield f"{key}.{name}: {domain} is not in mail_domains; add it there, or use one that is"
        if address in seen:
            yield f"{key}.{name}: is {address}, and so is {seen[address]!r}; keep one of them"
        seen[address] = name


def _alias_problems(settings: Settings, name: str) -> Iterator[str]:
    key, alias = f"mail_aliases.{name}", settings.address(name)
    targets = settings.aliases[alias]
    if not targets:
        yield f"{key}: leads nowhere; list at least one target"
    if alias in settings.users and alias not in targets:
        yield f"{key}: hides the user {alias}; list {alias} among its targets, or rename one"
    for target in targets:
        local, _, domain = target.rpartition("@")
        try:
            fqdn(domain)
        except ValueError:
            local = ""
        if len(local) > 64 or not _TARGET.fullmatch(local):
            yield f"{key}: {target!r} is no address; write user@domain or the name of a user"
        elif domain in settings.mail_domains and not _exists(settings, target):
            yield f"{key}: {target} is no user and no alias; add it, or correct the target"


def _exists(settings: Settings, target: str) -> bool:
    local, _, domain = target.rpartition("@")
    name = local.partition("+")[0]
    address = f"{name}@{domain}"
    return address in settings.users or address in settings.aliases or name in RFC_2142_NAMES


def _loops(settings: Settings) -> list[str]:
    """Report each loop once. An alias that lists its own user is a copy, not a loop."""
    loops: dict[frozenset[str], list[str]] = {}
    ended: set[str] = set()  # followed already, with every loop reported
    for alias in settings.aliases:
        path: dict[str, Iterator[str]] = {}  # the way here -> targets left at each step
        ahead: str | None = alias
        while path or ahead:
            if ahead in path:
                names = list(path)
                loop = names[names.index(ahead) :]
                if loop != [ahead] or ahead not in settings.users:
                    loops.setdefault(frozenset(loop), [*loop, ahead])
            elif ahead and ahead not in ended:
                path[ahead] = iter(settings.aliases.get(ahead, []))
            if not path:
                break
            here = next(reversed(path))
            ahead = next(path[here], None)
            if ahead is None:
                ended.add(here)
                del path[here]
    return [
        f"mail_aliases: {' -> '.join(loop)} is a loop; remove a step" for loop in loops.values()
    ]
