"""OpenDKIM: signs what leaves, verifies what arrives, and checks From: against the login."""

from __future__ import annotations

from collections.abc import Sequence

from facts.machine import MachineState
from layout import DKIM_KEYS
from services.postfix import SENDER_LOGINS
from services.service import RELOAD, RESTART, Daemon, File, Place, Service, given
from services.units import drop_in
from settings.models import Settings

TABLES = "/etc/opendkim/tables"
SOCKET = "/var/spool/postfix/opendkim/opendkim.sock"
FROM_HEADER = "/etc/opendkim/from_header.lua"


def strict(settings: Settings) -> bool:
    """Whether the From: header of submitted mail has to be an address of the login."""
    return settings.mail_from_header == "strict"


def key_table(settings: Settings, machine: MachineState) -> str:
    """Return the KeyTable: domain, selector and private key of each name, see opendkim.conf(5)."""
    selector = settings.mail_dkim_selector
    return "".join(
        f"{domain} {domain}:{selector}:{DKIM_KEYS}/{domain}/{selector}.private\n"
        for domain in settings.mail_domains
    )


def signing_table(settings: Settings, machine: MachineState) -> str:
    """Return the SigningTable: which key signs for which sender, see opendkim.conf(5)."""
    return "".join(f"*@{domain} {domain}\n" for domain in settings.mail_domains)


def places(settings: Settings) -> Sequence[Place]:
    """Return the private keys, which the host makes for itself, and their folders."""
    owner, selector = "opendkim:opendkim", settings.mail_dkim_selector
    found = [Place(DKIM_KEYS, owner, "700")]
    for domain in settings.mail_domains:
        folder = f"{DKIM_KEYS}/{domain}"
        found += [Place(folder, owner, "700"), Place(f"{folder}/{selector}.private", owner, "600")]
    return found


# The checker opens the tables as well: it has to read those of the stage, not those in use.
_CHECK = """
checked=$stage/etc/opendkim.conf.checked
sed "s|/etc/opendkim/|$stage&|" "$stage/etc/opendkim.conf" > "$checked"
warnings=$(opendkim -n -x "$checked" 2>&1) || {
  number=$(echo "$warnings" | sed -n 's/.* at line \\([0-9]*\\):.*/\\1/p')
  fail "opendkim refuses /etc/opendkim.conf: $warnings: $(sed -n "${number:-0}p" "$checked")"
}
"""

OPENDKIM = Service(
    "opendkim",
    packages=("opendkim", "opendkim-tools"),
    files=(
        File(
            "/etc/opendkim.conf",
            RESTART,
            "opendkim/opendkim.conf.j2",
            given(tables=TABLES, from_header=FROM_HEADER),
        ),
        File(f"{TABLES}/keys", RELOAD, key_table),
        File(f"{TABLES}/signing", RELOAD, signing_table),
        File(
            FROM_HEADER,
            RELOAD,
            "opendkim/from_header.lua.j2",
            given(sender_logins=SENDER_LOGINS),
            when=strict,
        ),
        drop_in("opendkim"),
    ),
    places=places,
    check=_CHECK,
    probes=lambda settings: [("signs", SOCKET, domain) for domain in settings.mail_domains],
    holds=(DKIM_KEYS,),
    sees=(SENDER_LOGINS,),
    memory_high=80,
    memory_max=96,
    daemons=(Daemon("", 1, 21.0),),
)
