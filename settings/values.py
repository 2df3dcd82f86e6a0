"""Kinds of values that settings have: each returned in its one form, or refused with the remedy."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_FQDN = re.compile(rf"(?=.{{4,253}}$){_LABEL}(?:\.{_LABEL})+")
_LOCAL_PART = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
_SALT = r"(?:rounds=[0-9]{4,9}\$)?[!-#%-9;-~]{1,16}"  # printable ASCII but "$" and ":"
_HASHES = (
    rf"\$6\${_SALT}\$[./0-9A-Za-z]{{86}}",
    rf"\$5\${_SALT}\$[./0-9A-Za-z]{{43}}",
    r"\$y\$[./0-9A-Za-z]{1,8}\$[./0-9A-Za-z]{1,86}\$[./0-9A-Za-z]{43}",
    r"\$2[aby]\$[0-9]{2}\$[./0-9A-Za-z]{53}",
)
#: Stands for a domain name that the inventory leaves out or gets wrong.
UNKNOWN = "unknown.invalid"

PASSWORD_REMEDY = "run 'make password' and paste the hash that it prints"


def fqdn(value: str) -> str:
    """Return a domain name in lower case; ValueError with the remedy where it is none."""
    if not value.isascii():  # before lower(), which makes a "k" of the Kelvin sign
        try:
            ascii_form = value.lower().encode("idna").decode()
        except UnicodeError:
            ascii_form = "its xn-- form"
        raise ValueError(f"{value!r} is not ASCII; write {ascii_form}")
    name = value.lower()
    if not _FQDN.fullmatch(name):
        raise ValueError(f"{value!r} is no fully qualified domain name; write one like example.org")
    if name.rpartition(".")[2].isdigit():
        raise ValueError(f"{value!r} ends in a number, as an address does; write a domain name")
    if name.endswith(".invalid") and name != UNKNOWN:
        raise ValueError(f"{value!r} is nobody's (RFC 2606); write a name of your own")
    return name


def _is_port(number: str) -> bool:
    return bool(re.fullmatch("[0-9]{1,5}", number)) and 0 < int(number) < 65536


def port(value: object) -> str:
    """Return a port like "443/tcp"; without a protocol it is TCP."""
    number, _, protocol = str(value).partition("/")
    if not _is_port(number) or protocol not in ("", "tcp", "udp"):
        raise ValueError(f"{value!r} is no port; write one like 443 or '443/udp'")
    return f"{int(number)}/{protocol or 'tcp'}"


def host_name(value: str) -> str:
    """Return a name that Linux takes as a host name (hostname(7))."""
    if len(value) > 64:
        raise ValueError(f"has {len(value)} characters, Linux takes 64 (hostname(7)); shorten it")
    return value


def local_part(value: str) -> str:
    """Return a user's or an alias's name in lower case; it becomes a folder's name as well."""
    name = value.lower() if value.isascii() else value
    if "+" in name:
        raise ValueError(f"{value!r} has a '+', which separates a name from its tag; leave it out")
    if not _LOCAL_PART.fullmatch(name) or ".." in name:
        raise ValueError(
            f"{value!r} is no name for a mailbox; use letters, digits, '.', '_' and '-', "
            "with a letter or digit at both ends"
        )
    return name


def crypt_hash(value: str) -> str:
    """Return a crypt(3) hash that the host can verify; errors never show any of it."""
    if value.startswith("{"):
        raise ValueError("begins with a scheme in braces; leave out the {…} part")
    if value.startswith("$argon2"):
        raise ValueError(f"is argon2, which needs 79 MB for one check; {PASSWORD_REMEDY}")
    if value.startswith(("$1$", "$md5", "$sha1", "_")):
        raise ValueError(f"is of a scheme that is broken; {PASSWORD_REMEDY}")
    if not value.startswith("$"):
        raise ValueError(f"looks like a plain-text password; {PASSWORD_REMEDY}")
    if not value.startswith(("$6$", "$5$", "$y$", "$2")):
        raise ValueError(f"is neither $6$, $y$, $2b$ nor $5$; {PASSWORD_REMEDY}")
    if not any(re.fullmatch(shape, value) for shape in _HASHES):
        raise ValueError(f"is not a whole hash of its scheme; {PASSWORD_REMEDY}")
    return value


def host_and_port(value: str) -> str:
    """Return a mail server as host:port."""
    name, colon, number = value.rpartition(":")
    if not colon or not _is_port(number):
        raise ValueError(f"{value!r} names no port; write host:port, like smtp.example.net:587")
    bare = name[1:-1] if name.startswith("[") and name.endswith("]") else name
    is_address = ":" in bare or re.fullmatch("[0-9.]+", bare)
    return f"{either(bare) if is_address else fqdn(bare)}:{int(number)}"


def text(value: object) -> object:
    """Return an address that is text; ip_address() would also take numbers and bytes."""
    if not isinstance(value, str | IPv4Address | IPv6Address):
        raise ValueError("is no text; write an address in quotes")
    return value


def either(value: object) -> IPv4Address | IPv6Address:
    """Return an IPv4 or IPv6 address."""
    try:
        return no_scope(ip_address(str(text(value))))
    except ValueError:
        raise ValueError(f"{value!r} is no IP address; write it like '192.0.2.53'") from None


def no_scope(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return an address without a scope (RFC 4007), which names an interface of one machine."""
    if getattr(address, "scope_id", None):
        raise ValueError(f"{str(address)!r} names an interface; leave out what follows the '%'")
    return address


def network(value: str) -> str:
    """Return a network in CIDR form."""
    try:
        found = ip_network(value)
    except ValueError:
        raise ValueError(f"{value!r} is no network; write one like 192.0.2.0/24") from None
    if found.prefixlen == 0:
        raise ValueError(f"{value!r} is everybody; write down your own networks")
    return str(found)


def ordered(value: object) -> object:
    """Return a list; a set is refused, because it has no order."""
    if isinstance(value, set | frozenset):
        raise ValueError("is a set, which has no order; write a list, in [ ]")
    return value


def unrepeated(names: list[str]) -> list[str]:
    """Return a list in which each name is once."""
    for name in sorted(names):
        if names.count(name) > 1:
            raise ValueError(f"{name} is listed twice; list it once")
    return names


def label(value: str) -> str:
    """Return one label of a domain name (RFC 1035) in lower case."""
    if not re.fullmatch(_LABEL, value.lower()):
        raise ValueError(f"{value!r} is no single label; write one like imap")
    return value.lower()


def swap_size(value: int) -> int:
    """Return bytes of swap: 0, or as many as mkswap(8) takes."""
    if 0 < value < 2**20:
        raise ValueError(
            f"{value} bytes are too few for swap; write 0, or a MiB (1048576) at least"
        )
    return value


def mail_address(value: str) -> str:
    """Return an address fit for a JSON text and a shell."""
    name, _, domain = value.rpartition("@")
    if not re.fullmatch(r"[A-Za-z0-9._+-]{1,64}", name):
        raise ValueError(f"{value!r} is no mail address; write one like admin@example.org")
    fqdn(domain)
    return value


def name_server(value: str) -> str:
    """Return host or host:port, a name or an IPv4 address."""
    host, colon, number = value.partition(":")
    if not _FQDN.fullmatch(host.lower()):
        raise ValueError(f"{value!r} is no name server; write one like ns1.example.net")
    if colon:
        port(number)
    return value


def _shape(pattern: str, kind_and_remedy: str) -> AfterValidator:
    """Return a validator that refuses text of any other shape: "… is no KIND; REMEDY"."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value, re.ASCII):
            raise ValueError(f"{value!r} is no {kind_and_remedy}")
        return value

    return AfterValidator(check)


Fqdn = Annotated[str, AfterValidator(fqdn)]
HostName = Annotated[Fqdn, AfterValidator(host_name)]
HostAndPort = Annotated[str, AfterValidator(host_and_port)]
Names = Annotated[list[Fqdn], BeforeValidator(ordered), AfterValidator(unrepeated)]
Labels = Annotated[list[Annotated[str, AfterValidator(label)]], AfterValidator(unrepeated)]
Ipv4 = Annotated[IPv4Address, BeforeValidator(text)]
Ipv6 = Annotated[IPv6Address, BeforeValidator(text), AfterValidator(no_scope)]
Address = Annotated[IPv4Address | IPv6Address, BeforeValidator(either)]
Network = Annotated[str, AfterValidator(network)]
Port = Annotated[str, BeforeValidator(port)]
SwapSize = Annotated[int, AfterValidator(swap_size)]
PasswordHash = Annotated[str, AfterValidator(crypt_hash)]
MailAddress = Annotated[str, AfterValidator(mail_address)]
NameServer = Annotated[str, AfterValidator(name_server)]
DkimSelector = Annotated[
    str, _shape(rf"{_LABEL}(?:\.{_LABEL})*", "DKIM selector; write lower-case letters and digits")
]
# The next three are fit for a shell, and the path for a unit of systemd as well.
HttpsUrl = Annotated[
    str, _shape(r"https://[\w.:/~%\[\]-]+", "https:// address; write the authority's directory")
]
HostPath = Annotated[str, _shape(r"/[\w./@+=-]+", "path on the host; write one that begins with /")]
KeyIdentifier = Annotated[
    str, _shape(r"[!#-%'-\[\]-~]{1,200}", "key identifier; write it as the authority shows it")
]
