"""The DKIM signing keys that are on the host."""

from base64 import b64decode
from typing import TypedDict

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pyinfra.api import StringCommand
from pyinfra.api.exceptions import FactProcessError

from facts.fact import Fact
from facts.shell import script
from layout import DKIM_KEYS


class SigningKey(TypedDict):
    """
    + mode: as in stat(1), e.g. "600"
    + bits: of an RSA key; 0 for any other file
    + public_key: base64 of the DER form, as in a DKIM record's p= (RFC 6376, 3.6.1); None if the
      file is no private key
    """

    path: str
    owner: str
    group: str
    mode: str
    bits: int
    public_key: str | None


# The private key stays on the host.
_SCRIPT = """
for key in "$1"/*/*.private; do
  [ -f "$key" ] || continue
  public=$(openssl pkey -in "$key" -pubout -outform DER 2>/dev/null | base64 -w 0)
  stat -c "%U %G %a ${public:--} %n" "$key"
done
"""


def parse_signing_keys(output: list[str]) -> dict[str, dict[str, SigningKey]]:
    """Parse lines of "owner group mode public-key path"."""
    keys: dict[str, dict[str, SigningKey]] = {}
    for line in output:
        fields = line.split(" ", 4)
        if len(fields) != 5 or fields[4].count("/") < 2:
            raise FactProcessError(f"unexpected line from stat: {line!r}")
        owner, group, mode, public_key, path = fields
        domain, file = path.split("/")[-2:]
        keys.setdefault(domain, {})[file.removesuffix(".private")] = SigningKey(
            path=path,
            owner=owner,
            group=group,
            mode=mode,
            bits=_bits(public_key),
            public_key=None if public_key == "-" else public_key,
        )
    return keys


def _bits(public_key: str) -> int:
    if public_key == "-":
        return 0
    key = load_der_public_key(b64decode(public_key))
    return key.key_size if isinstance(key, RSAPublicKey) else 0


def public_keys(found: dict[str, dict[str, SigningKey]], selector: str) -> dict[str, str]:
    """
    Return domain -> public key of a selector, for wanted/dns.py.

    + found: what the SigningKeys fact returns; files without a private key are left out
    """
    return {
        domain: key["public_key"]
        for domain, selectors in found.items()
        if (key := selectors.get(selector)) and key["public_key"]
    }


class SigningKeys(Fact[dict[str, dict[str, SigningKey]]]):
    """
    Returns domain → selector → key, for each DOMAIN/SELECTOR.private:

    .. code:: python

        {"example.org": {"default": {"path": "/etc/dkimkeys/example.org/default.private",
                                     "owner": "opendkim", "group": "opendkim", "mode": "600",
                                     "bits": 2048, "public_key": "MIIBIjANBgkqhki…"}}}
    """

    default = dict
    process = staticmethod(parse_signing_keys)

    def command(self, keys_dir: str = DKIM_KEYS) -> StringCommand:
        return script(_SCRIPT, keys_dir)
