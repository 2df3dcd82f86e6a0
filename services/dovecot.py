"""Dovecot: IMAP, POP3 and the logins of all services, from one passwd-file."""

from __future__ import annotations

from layout import MAIL_FOLDER, PEM
from services.service import Configuration, File
from services.units import drop_in
from settings.models import Settings
from wanted import addresses
from wanted.rendering import render

USERS = "/etc/dovecot/users"
#: The login of `make score` (tasks/score.py), which writes it and takes it away again.
SCORE_USERS = "/etc/dovecot/probe-users"
#: Debian release -> the Dovecot whose configuration language it speaks (2.4 reads no 2.3 file).
SERIES = {"12": "2.3", "13": "2.4"}


def configuration(release: str, settings: Settings, vmail: tuple[int, int]) -> Configuration:
    """
    Return Dovecot's files.

    + release: Debian's, "12" or "13"
    + vmail: uid and gid that own the mail
    """
    main = render(
        f"dovecot/{SERIES[release]}/dovecot.conf.j2",
        primary_domain=settings.primary_domain,
        pem=PEM,
        mail_folder=MAIL_FOLDER,
        score_users=SCORE_USERS,
        score_sender=addresses.score_sender(settings),
        uid=vmail[0],
    )
    passwd_file = "".join(
        f"{address}:{{CRYPT}}{user.password_hash}::::::\n"
        for address, user in settings.users.items()
    )
    return Configuration(
        "dovecot",
        [
            File("/etc/dovecot/dovecot.conf", main),
            File(USERS, passwd_file, group="dovecot", mode="640", secret=True),
            # Empty: should a run of `make score` be cut off, the next deploy empties it as well.
            File(SCORE_USERS, "", group="dovecot", mode="640", secret=True),
            drop_in("dovecot"),
        ],
        check=_CHECK,
        probes=[
            ("imap", "143", "starttls", PEM),
            ("imap", "993", "tls", PEM),
            ("pop3", "110", "starttls", PEM),
            ("pop3", "995", "tls", PEM),
            *(("knows", user) for user in list(settings.users)[:1]),
        ],
    )


_CHECK = """
warnings=$(doveconf -n -c "$stage/etc/dovecot/dovecot.conf" 2>&1 >/dev/null) ||
  fail "doveconf refuses /etc/dovecot/dovecot.conf: $warnings"
[ -z "$warnings" ] || fail "doveconf warns of /etc/dovecot/dovecot.conf: $warnings"
"""
