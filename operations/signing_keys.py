"""OpenDKIM: a signing key for each domain, made on the host once."""

from collections.abc import Generator, Sequence

from pyinfra import host
from pyinfra.api import StringCommand

from facts.opendkim import SigningKeys
from facts.shell import script
from layout import DKIM_KEYS
from operations.operation import operation

# Each key is made in a folder of its own and renamed, so that half a key never counts as one. mv -n
# never replaces a key.
_NEW_KEYS = """
set -eu
umask 077
keys=$1 bits=$2 selector=$3; shift 3
install -d -o opendkim -g opendkim -m 700 "$keys"
rm -rf "$keys"/.new.*
for domain; do
  new=$(mktemp -d "$keys/.new.XXXXXX")
  opendkim-genkey -D "$new" -d "$domain" -s "$selector" -b "$bits"
  install -d -o opendkim -g opendkim -m 700 "$keys/$domain"
  chown opendkim:opendkim "$new/$selector.private"
  mv -n "$new/$selector.private" "$keys/$domain/$selector.private"
  rm -rf "$new"
done
"""


@operation()
def make(domains: Sequence[str], selector: str, bits: int) -> Generator[StringCommand, None, None]:
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
        yield script(_NEW_KEYS, DKIM_KEYS, str(bits), selector, *missing)
    if not (broken or loose or missing):
        host.noop("every domain has its key")
