"""OpenDKIM: a signing key for each domain, made on the host once, and the configuration."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pyinfra import host
from pyinfra.api import StringCommand, operation

from facts.opendkim import KEYS, SigningKeys
from facts.shell import script
from operations.configuration import Configuration, File, render
from operations.postfix import SENDER_LOGINS
from operations.units import drop_in
from settings import Settings

TABLES = "/etc/opendkim/tables"
SOCKET = "/var/spool/postfix/opendkim/opendkim.sock"
FROM_HEADER = "/etc/opendkim/from_header.lua"


def configuration(mail: Settings, nameservers: Sequence[str]) -> Configuration:
    """
    Return OpenDKIM's files.

    + nameservers: resolvers to ask; Debian's OpenDKIM does not read resolv.conf
    """
    selector, strict = mail.mail_dkim_selector, mail.mail_from_header == "strict"
    key_table = "".join(
        f"{domain} {domain}:{selector}:{KEYS}/{domain}/{selector}.private\n"
        for domain in mail.mail_domains
    )
    signing_table = "".join(f"*@{domain} {domain}\n" for domain in mail.mail_domains)
    main = render(
        "opendkim/opendkim.conf.j2",
        hostname=mail.mail_hostname,
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
        probes=[("signs", SOCKET, domain) for domain in mail.mail_domains],
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

# A key is made aside and renamed: half a key never counts as one. mv -n: a key is never replaced.
_NEW_KEYS = """
set -eu
umask 077
bits=$1 selector=$2; shift 2
install -d -o opendkim -g opendkim -m 700 /etc/dkimkeys
rm -rf /etc/dkimkeys/.new.*
for domain; do
  new=$(mktemp -d /etc/dkimkeys/.new.XXXXXX)
  opendkim-genkey -D "$new" -d "$domain" -s "$selector" -b "$bits"
  install -d -o opendkim -g opendkim -m 700 "/etc/dkimkeys/$domain"
  chown opendkim:opendkim "$new/$selector.private"
  mv -n "$new/$selector.private" "/etc/dkimkeys/$domain/$selector.private"
  rm -rf "$new"
done
"""


@operation()
def keys(domains: Sequence[str], selector: str, bits: int) -> Generator[StringCommand, None, None]:
    """
    Make the signing keys that are missing, and mend the owner and mode of those that are there.

    + domains: one key each, `/etc/dkimkeys/DOMAIN/SELECTOR.private`
    + selector: RFC 6376, section 3.1
    + bits: size of a new RSA key; an existing key is never made again

    A file that is there and is no private key stops the run: only its owner knows whether there is
    a backup of it.
    """
    present = host.get_fact(SigningKeys)
    found = {domain: present.get(domain, {}).get(selector) for domain in domains}
    broken = [key["path"] for key in found.values() if key and not key["public_key"]]
    loose = [
        key["path"]
        for key in found.values()
        if key and (key["owner"], key["mode"]) != ("opendkim", "600")
    ]
    missing = [domain for domain, key in found.items() if not key]
    if broken:
        yield script(
            'echo "no private key: $*; restore it from a backup, or move it away and publish '
            'the new one" >&2; exit 1',
            *broken,
        )
    if loose:
        yield script('chown opendkim:opendkim "$@" && chmod 600 "$@"', *loose)
    if missing:
        yield script(_NEW_KEYS, str(bits), selector, *missing)
    if not (broken or loose or missing):
        host.noop("every domain has its key")
