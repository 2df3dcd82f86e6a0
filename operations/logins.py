"""Who can log in, and who is logged in."""

from collections.abc import Generator

from pyinfra import host, state
from pyinfra.api import StringCommand, operation

from facts.dovecot import DoveadmLogins
from facts.shell import script


@operation()
def verify(users: frozenset[str]) -> Generator[StringCommand, None, None]:
    """
    Verify that exactly these users can log in, and end the sessions of everybody else.

    + users: full addresses

    Fails where Dovecot does not know a user that it should know.
    """
    found = host.get_fact(DoveadmLogins)
    # A plan (--dry) precedes the new configuration: what Dovecot knows then proves nothing.
    missing = sorted(users.difference(found.known)) if state.is_executing else []
    strangers = sorted(set(found.present) - users)
    if missing:
        yield script('echo "Dovecot does not know: $*" >&2; exit 1', *missing)
    if strangers:
        # 68 (EX_NOHOST): the session ended by itself in the meantime.
        yield script('for user; do doveadm kick "$user" || [ $? = 68 ]; done', *strangers)
    if not (missing or strangers):
        host.noop("every user can log in, nobody else has a session")
