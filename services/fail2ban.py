"""fail2ban: shuts out hosts that guess passwords, for a while, by its own nftables rules."""

from __future__ import annotations

from facts.machine import CONTROL_ADDRESSES, KEPT_ADDRESSES
from services.service import RELOAD, Daemon, File, Service, given, no_effect
from settings.models import Settings

FOLDER = "/etc/fail2ban"
_IGNORE = f"{FOLDER}/filter.d/ignorecommands/mailhost"
#: Guesses of the past hour; in fail2ban's runtime folder, so gone when it stops.
_TRIED = "/run/fail2ban/tried"


def enabled(settings: Settings) -> bool:
    """Whether the settings want it."""
    return settings.mail_ban is not None


# Checked together with the host's other jails, as fail2ban will read them.
_CHECK = """
differ() { LC_ALL=C diff -rq "$stage/etc/fail2ban" /etc/fail2ban | grep -qv '^Only in /etc'; }
if differ; then
  cp -a /etc/fail2ban "$stage/fail2ban"
  cp -a "$stage/etc/fail2ban/." "$stage/fail2ban/"
  warnings=$(fail2ban-client -c "$stage/fail2ban" -t 2>&1) ||
    fail "fail2ban refuses its configuration: $warnings"
fi
"""

FAIL2BAN = Service(
    "fail2ban",
    enabled=enabled,
    packages=("fail2ban", "nftables", "python3-systemd"),  # the last reads the journal
    files=(
        File(
            f"{FOLDER}/jail.d/mailhost.local",
            RELOAD,
            "fail2ban/jail.local.j2",
            given(ignore=_IGNORE),
        ),
        File(f"{FOLDER}/filter.d/mailhost.conf", RELOAD, "fail2ban/filter.conf.j2"),
        File(f"{FOLDER}/fail2ban.d/mailhost.local", RELOAD, "fail2ban/fail2ban.local.j2"),
        File(
            _IGNORE,
            no_effect("run anew at each failure"),
            "fail2ban/ignore.j2",
            given(control=CONTROL_ADDRESSES, tried=_TRIED),
            mode="755",
        ),
        File(
            CONTROL_ADDRESSES,
            no_effect("read anew at each failure: another control machine makes no reload"),
            "fail2ban/control.j2",
            given(kept=KEPT_ADDRESSES),
            learned=True,
        ),
    ),
    check=_CHECK,
    daemons=(Daemon("", 1, 13.0),),
)
