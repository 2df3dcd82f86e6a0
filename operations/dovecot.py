"""Dovecot: IMAP, POP3 and the logins of all services, from one passwd-file."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra import host, state
from pyinfra.api import StringCommand, operation

from facts.dovecot import DoveadmLogins
from facts.shell import script
from facts.tls import PEM
from operations import addresses
from operations.configuration import Configuration, File, render
from operations.system import MAIL_FOLDER
from operations.units import drop_in
from settings import Settings

USERS = "/etc/dovecot/users"
#: The login of `make score` (tasks/score.py), which writes it and takes it away again.
PROBE_USERS = "/etc/dovecot/probe-users"
#: Debian release -> the Dovecot whose configuration language it speaks (2.4 reads no 2.3 file).
SERIES = {"12": "2.3", "13": "2.4"}


def configuration(release: str, mail: Settings, vmail: tuple[int, int]) -> Configuration:
    """
    Return Dovecot's files.

    + release: Debian's, "12" or "13"
    + vmail: uid and gid that own the mail
    """
    main = render(
        f"dovecot/{SERIES[release]}/dovecot.conf.j2",
        primary_domain=mail.primary_domain,
        pem=PEM,
        mail_folder=MAIL_FOLDER,
        probe_users=PROBE_USERS,
        probe=addresses.probe(mail),
        uid=vmail[0],
    )
    passwd_file = "".join(
        f"{address}:{{CRYPT}}{user.password_hash}::::::\n" for address, user in mail.users.items()
    )
    return Configuration(
        "dovecot",
        [
            File("/etc/dovecot/dovecot.conf", main),
            File(USERS, passwd_file, group="dovecot", mode="640", secret=True),
            # Empty: should a run of `make score` be cut off, the next deploy empties it as well.
            File(PROBE_USERS, "", group="dovecot", mode="640", secret=True),
            drop_in("dovecot"),
        ],
        check=_CHECK,
        probes=[
            ("imap", "143", "starttls", PEM),
            ("imap", "993", "tls", PEM),
            ("pop3", "110", "starttls", PEM),
            ("pop3", "995", "tls", PEM),
            *(("knows", user) for user in list(mail.users)[:1]),
        ],
    )


_CHECK = """
warnings=$(doveconf -n -c "$stage/etc/dovecot/dovecot.conf" 2>&1 >/dev/null) ||
  fail "doveconf refuses /etc/dovecot/dovecot.conf: $warnings"
[ -z "$warnings" ] || fail "doveconf warns of /etc/dovecot/dovecot.conf: $warnings"
"""


@operation()
def logins(users: frozenset[str]) -> Generator[StringCommand, None, None]:
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
