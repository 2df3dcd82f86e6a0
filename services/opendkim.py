"""OpenDKIM: a signing key for each domain, made on the host once, and the configuration."""

from __future__ import annotations

from collections.abc import Sequence

from facts.opendkim import KEYS
from services.postfix import SENDER_LOGINS
from services.service import Configuration, File
from services.units import drop_in
from settings.models import Settings
from wanted.rendering import render

TABLES = "/etc/opendkim/tables"
SOCKET = "/var/spool/postfix/opendkim/opendkim.sock"
FROM_HEADER = "/etc/opendkim/from_header.lua"


def configuration(settings: Settings, nameservers: Sequence[str]) -> Configuration:
    """
    Return OpenDKIM's files.

    + nameservers: resolvers to ask; Debian's OpenDKIM does not read resolv.conf
    """
    selector, strict = settings.mail_dkim_selector, settings.mail_from_header == "strict"
    key_table = "".join(
        f"{domain} {domain}:{selector}:{KEYS}/{domain}/{selector}.private\n"
        for domain in settings.mail_domains
    )
    signing_table = "".join(f"*@{domain} {domain}\n" for domain in settings.mail_domains)
    main = render(
        "opendkim/opendkim.conf.j2",
        hostname=settings.mail_hostname,
        tables=TABLES,
        nameservers=nameservers,
        from_header=FROM_HEADER if strict else None,
    )
    script = render("opendkim/from_header.lua.j2", sender_logins=SENDER_LOGINS)
    return Configuration(
        "opendkim",
        [
            File("/etc/opendkim.conf", main),
            File(f"{TABLES}/keys", key_table),
            File(f"{TABLES}/signing", signing_table),
            File(FROM_HEADER, script if strict else None),
            drop_in("opendkim"),
        ],
        check=_CHECK,
        probes=[("signs", SOCKET, domain) for domain in settings.mail_domains],
    )


# It opens the tables as well: those of the stage, not those that are in use.
_CHECK = """
checked=$stage/etc/opendkim.conf.checked
sed "s|/etc/opendkim/|$stage&|" "$stage/etc/opendkim.conf" > "$checked"
warnings=$(opendkim -n -x "$checked" 2>&1) || {
  number=$(echo "$warnings" | sed -n 's/.* at line \\([0-9]*\\):.*/\\1/p')
  fail "opendkim refuses /etc/opendkim.conf: $warnings: $(sed -n "${number:-0}p" "$checked")"
}
"""
