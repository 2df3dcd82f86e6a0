"""Dovecot: IMAP, POP3 and the logins of all services, from one passwd-file."""

from collections.abc import Mapping

from facts.machine import MachineState
from layout import MAIL_FOLDER, PEM
from services.service import RELOAD, Daemon, File, Service, no_effect
from services.units import drop_in
from settings.models import Settings
from wanted import addresses

CONF = "/etc/dovecot/dovecot.conf"
USERS = "/etc/dovecot/users"
#: The login of `make score` (tasks/score.py), which fills this file and empties it again.
SCORE_USERS = "/etc/dovecot/probe-users"
#: What mail programs and this host agree on in TLS 1.2, see openssl-ciphers(1). Postfix has it as
#: well. Level 2 refuses signatures by SHA-1 and keys below 112 bits of security.
SUITES = "ECDHE+AESGCM:ECDHE+CHACHA20:@SECLEVEL=2"
#: Debian release -> Dovecot's series; each has its own configuration language.
SERIES = {"12": "2.3", "13": "2.4"}


def passwd_file(settings: Settings, machine: MachineState) -> str:
    """Return a line for each user, see "Passwd-file" in Dovecot's manual."""
    return "".join(
        f"{address}:{{CRYPT}}{user.password_hash}::::::\n"
        for address, user in settings.users.items()
    )


def _values(settings: Settings, machine: MachineState) -> Mapping[str, object]:
    return {
        "score_users": SCORE_USERS,
        "score_sender": addresses.score_sender(settings),
        "suites": SUITES,
    }


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
        *(
            File(CONF, RELOAD, f"dovecot/{series}/dovecot.conf.j2", _values, release=release)
            for release, series in SERIES.items()
        ),
        File(USERS, _READ_AGAIN, passwd_file, group="dovecot", mode="640", secret=True),
        # Empty, so that a deploy removes the login that an interrupted `make score` left behind.
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
