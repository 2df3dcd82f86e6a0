"""Who can log in, and who is logged in."""

from collections.abc import Collection, Generator

from pyinfra import host, state
from pyinfra.api import StringCommand

from facts.dovecot import DoveadmLogins
from facts.shell import script
from operations.operation import operation

#: So many users are asked for. Dovecot reads one file from top to bottom: where it knows the first
#: user, the last and some in between, it knows the others.
_ASKED = 100


def sample(users: Collection[str]) -> list[str]:
    """Return all users, or some of very many: the first, the last, and evenly from in between."""
    ordered = sorted(users)
    if len(ordered) <= _ASKED:
        return ordered
    return [ordered[turn * (len(ordered) - 1) // (_ASKED - 1)] for turn in range(_ASKED)]


@operation()
def verify(users: frozenset[str]) -> Generator[StringCommand, None, None]:
    """
    Verify that exactly these users can log in, and end the sessions of everybody else.

    + users: full addresses

    Fails where Dovecot does not know a user that it should know.
    """
    asked = sample(users)
    found = host.get_fact(DoveadmLogins, users=asked)
    # A plan (--dry) precedes the new configuration: what Dovecot knows then proves nothing.
    missing = sorted(set(asked).difference(found.known)) if state.is_executing else []
    strangers = sorted(set(found.present) - users)
    if missing:
        yield script('echo "Dovecot does not know: $*" >&2; exit 1', *missing)
    if strangers:
        # 68 (EX_NOHOST): the session ended by itself in the meantime.
        yield script('for user; do doveadm kick "$user" || [ $? = 68 ]; done', *strangers)
    if not (missing or strangers):
        host.noop("every user can log in, nobody else has a session")
