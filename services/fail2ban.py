"""fail2ban: who guesses passwords is shut out for a while, by nftables rules of its own."""

from __future__ import annotations

from collections.abc import Mapping

from facts.machine import CONTROL_ADDRESSES, KEPT_ADDRESSES, MachineState
from services.service import RELOAD, Daemon, File, Service, no_effect
from settings.models import Settings

FOLDER = "/etc/fail2ban"
_IGNORE = f"{FOLDER}/filter.d/ignorecommands/mailhost"
#: What fail2ban was asked about within the hour: gone when it is stopped.
_TRIED = "/run/fail2ban/tried"


def enabled(settings: Settings) -> bool:
    """Whether these settings need it."""
    return settings.mail_ban is not None


def _jails(settings: Settings, machine: MachineState) -> Mapping[str, object]:
    assert settings.mail_ban is not None
    return {
        "failures": settings.mail_ban.failures,
        "seconds": settings.mail_ban.seconds,
        "trusted": settings.mail_trusted_networks,
        "ignore": _IGNORE,
    }


def _control(settings: Settings, machine: MachineState) -> Mapping[str, object]:
    return {"addresses": machine.control_addresses, "kept": KEPT_ADDRESSES}


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

FAIL2BAN = Service(
    "fail2ban",
    enabled=enabled,
    packages=("fail2ban", "nftables", "python3-systemd"),  # it reads the journal
    files=(
        File(f"{FOLDER}/jail.d/mailhost.local", RELOAD, "fail2ban/jail.local.j2", _jails),
        File(f"{FOLDER}/filter.d/mailhost.conf", RELOAD, "fail2ban/filter.conf.j2"),
        File(f"{FOLDER}/fail2ban.d/mailhost.local", RELOAD, "fail2ban/fail2ban.local.j2"),
        File(
            _IGNORE,
            no_effect("run anew at each failure"),
            "fail2ban/ignore.j2",
            lambda *_: {"control": CONTROL_ADDRESSES, "tried": _TRIED},
            mode="755",
        ),
        File(
            CONTROL_ADDRESSES,
            no_effect("read anew at each failure: another control machine makes no reload"),
            "fail2ban/control.j2",
            _control,
            learned=True,
        ),
    ),
    check=_CHECK,
    daemons=(Daemon("", 1, 13.0),),
)
