"""fail2ban: who guesses passwords is shut out for a while, by nftables rules of its own."""

from __future__ import annotations

from facts.machine import CONTROL_ADDRESSES, KEPT_ADDRESSES, MachineState
from services.service import Configuration, File
from settings.models import Settings
from wanted.rendering import render

FOLDER = "/etc/fail2ban"
_IGNORE = f"{FOLDER}/filter.d/ignorecommands/mailhost"
#: What fail2ban was asked about within the hour: gone when it is stopped.
_TRIED = "/run/fail2ban/tried"


def runs(settings: Settings) -> bool:
    """Whether these settings need it."""
    return settings.mail_ban is not None


def configuration(settings: Settings, machine: MachineState) -> Configuration:
    """Return fail2ban's files; with `mail_ban` None it does not run."""
    ban = settings.mail_ban
    if ban is None:
        return Configuration("fail2ban", [], runs=False)
    jails = render(
        "fail2ban/jail.local.j2",
        failures=ban.failures,
        seconds=ban.seconds,
        trusted=settings.mail_trusted_networks,
        ignore=_IGNORE,
    )
    control = render(
        "fail2ban/control.j2", addresses=machine.control_addresses, kept=KEPT_ADDRESSES
    )
    ignore = render("fail2ban/ignore.j2", control=CONTROL_ADDRESSES, tried=_TRIED)
    return Configuration(
        "fail2ban",
        [
            File(f"{FOLDER}/jail.d/mailhost.local", jails),
            File(f"{FOLDER}/filter.d/mailhost.conf", render("fail2ban/filter.conf.j2")),
            File(f"{FOLDER}/fail2ban.d/mailhost.local", render("fail2ban/fail2ban.local.j2")),
            File(_IGNORE, ignore, mode="755"),
            # Read anew at each failure: another control machine makes no reload.
            File(CONTROL_ADDRESSES, control, learned=True),
        ],
        check=_CHECK,
    )


# With the host's other jails, as they will be read together.
_CHECK = """
differ() { LC_ALL=C diff -rq "$stage/etc/fail2ban" /etc/fail2ban | grep -qv '^Only in /etc'; }
if differ; then
  cp -a /etc/fail2ban "$stage/fail2ban"
  cp -a "$stage/etc/fail2ban/." "$stage/fail2ban/"
  warnings=$(fail2ban-client -c "$stage/fail2ban" -t 2>&1) ||
    fail "fail2ban refuses its configuration: $warnings"
fi
"""
