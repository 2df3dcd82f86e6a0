"""Dovecot: IMAP, POP3 and the logins of all services, from one passwd-file."""

from __future__ import annotations

from facts.machine import MachineState
from layout import MAIL_FOLDER, PEM
from services.base import owner_of_mail
from services.service import RELOAD, Daemon, File, Service, no_effect
from services.units import drop_in
from settings.models import Settings
from wanted import addresses
from wanted.rendering import render

CONF = "/etc/dovecot/dovecot.conf"
USERS = "/etc/dovecot/users"
#: The login of `make score` (tasks/score.py), which writes it and takes it away again.
SCORE_USERS = "/etc/dovecot/probe-users"
#: Debian release -> the Dovecot whose configuration language it speaks (2.4 reads no 2.3 file).
SERIES = {"12": "2.3", "13": "2.4"}


def passwd_file(settings: Settings, machine: MachineState) -> str:
    """Return a line for each user, see "Passwd-file" in Dovecot's manual."""
    return "".join(
        f"{address}:{{CRYPT}}{user.password_hash}::::::\n"
        for address, user in settings.users.items()
    )


def main(settings: Settings, machine: MachineState) -> str:
    """Return dovecot.conf, in the language of the release's Dovecot."""
    return render(
        f"dovecot/{SERIES[machine.release]}/dovecot.conf.j2",
        primary_domain=settings.primary_domain,
        pem=PEM,
        mail_folder=MAIL_FOLDER,
        score_users=SCORE_USERS,
        score_sender=addresses.score_sender(settings),
        uid=owner_of_mail(machine)[0],
    )


def _probes(settings: Settings) -> list[tuple[str, ...]]:
    return [
        ("imap", "143", "starttls", PEM),
        ("imap", "993", "tls", PEM),
        ("pop3", "110", "starttls", PEM),
        ("pop3", "995", "tls", PEM),
        *(("knows", user) for user in list(settings.users)[:1]),
    ]


_CHECK = f"""
warnings=$(doveconf -n -c "$stage{CONF}" 2>&1 >/dev/null) ||
  fail "doveconf refuses {CONF}: $warnings"
[ -z "$warnings" ] || fail "doveconf warns of {CONF}: $warnings"
"""

_READ_AGAIN = no_effect("Dovecot reads a passwd-file again when it has changed")

DOVECOT = Service(
    "dovecot",
    packages=("dovecot-imapd", "dovecot-pop3d"),
    files=(
        File(CONF, RELOAD, main),
        File(USERS, _READ_AGAIN, passwd_file, group="dovecot", mode="640", secret=True),
        # Empty: should a run of `make score` be cut off, the next deploy empties it as well.
        File(SCORE_USERS, _READ_AGAIN, lambda *_: "", group="dovecot", mode="640", secret=True),
        drop_in("dovecot"),
    ),
    affected_by={PEM: RELOAD},
    check=_CHECK,
    probes=_probes,
    holds=("/etc/dovecot", MAIL_FOLDER),
    sees=(PEM,),
    ports=(110, 143, 993, 995),
    listeners=frozenset({"dovecot"}),
    memory_max=460,
    daemons=(
        Daemon("imap", 100, 3.7),
        Daemon("pop3", 20, 1.5),
        Daemon("imap-login, pop3-login", 3, 6.0),
        Daemon("auth, config, anvil, stats, log", 6, 3.0),
    ),
)
