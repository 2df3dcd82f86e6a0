"""
One host's inventory data as typed, validated, defaulted models.

The one place of every key's type, default and meaning; docs/settings.md is made from it.
"""

from __future__ import annotations

import re
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_FQDN = re.compile(rf"(?=.{{4,253}}$){_LABEL}(?:\.{_LABEL})+")
_LOCAL_PART = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
_HASHES = {
    "$6$": re.compile(r"\$6\$(rounds=\d{4,9}\$)?[^$:\s]{1,16}\$[./0-9A-Za-z]{86}"),
    "$5$": re.compile(r"\$5\$(rounds=\d{4,9}\$)?[^$:\s]{1,16}\$[./0-9A-Za-z]{43}"),
    "$y$": re.compile(r"\$y\$[./0-9A-Za-z]{1,8}\$[./0-9A-Za-z]{1,86}\$[./0-9A-Za-z]{43}"),
    "$2": re.compile(r"\$2[aby]\$\d\d\$[./0-9A-Za-z]{53}"),
}
#: What a domain name is called that the inventory leaves out or gets wrong.
UNKNOWN = "unknown.invalid"

PASSWORD_REMEDY = "run 'make password' and paste the hash that it prints"


def fqdn(value: str) -> str:
    """Return a domain name in lower case; ValueError with the remedy where it is none."""
    name = value.lower()
    if not name.isascii():
        try:
            ascii_form = name.encode("idna").decode()
        except UnicodeError:
            ascii_form = "its xn-- form"
        raise ValueError(f"{value!r} is not ASCII; write {ascii_form}")
    if not _FQDN.fullmatch(name):
        raise ValueError(f"{value!r} is no fully qualified domain name; write one like example.org")
    return name


def local_part(value: str) -> str:
    """Return a user's or an alias's name in lower case; it becomes a folder's name as well."""
    name = value.lower()
    if "+" in name:
        raise ValueError(f"{value!r} has a '+', which separates a name from its tag; leave it out")
    if not _LOCAL_PART.fullmatch(name) or ".." in name:
        raise ValueError(
            f"{value!r} is no name for a mailbox; use letters, digits, '.', '_' and '-', "
            "with a letter or digit at both ends"
        )
    return name


def _crypt_hash(value: str | None) -> str | None:
    """Return a crypt(3) hash that the host can verify; errors never show any of it."""
    if value is None:
        return None
    if value.startswith("{"):
        raise ValueError("begins with a scheme in braces; leave out the {…} part")
    if value.startswith("$argon2"):
        raise ValueError(f"is argon2, which needs 79 MB for one check; {PASSWORD_REMEDY}")
    if value.startswith(("$1$", "$md5", "$sha1", "_")):
        raise ValueError(f"is of a scheme that is broken; {PASSWORD_REMEDY}")
    if not value.startswith("$"):
        raise ValueError(f"looks like a plain-text password; {PASSWORD_REMEDY}")
    shape = next((shape for prefix, shape in _HASHES.items() if value.startswith(prefix)), None)
    if shape is None:
        raise ValueError(f"is neither $6$, $y$, $2b$ nor $5$; {PASSWORD_REMEDY}")
    if not shape.fullmatch(value):
        raise ValueError(f"is not a whole hash of its scheme; {PASSWORD_REMEDY}")
    return value


def host_and_port(value: str | None) -> str | None:
    """Return a smarthost as host:port."""
    if value is None:
        return None
    name, colon, port = value.rpartition(":")
    bare = name.strip("[]").lower()
    if not colon or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"{value!r} names no port; write host:port, like smtp.example.net:587")
    if ":" not in bare and not re.fullmatch(r"[\d.]+", bare):
        fqdn(bare)
    return f"{bare}:{port}"


def _required_host_and_port(value: str) -> str:
    """Return a mail server as host:port."""
    return host_and_port(value) or value


def _unrepeated(names: list[str]) -> list[str]:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"{repeated[0]} is listed twice; list it once")
    return names


def _port(value: object) -> str:
    """Return a port like "443/tcp"."""
    number, _, protocol = str(value).partition("/")
    protocol = protocol or "tcp"
    if not number.isdecimal() or not 0 < int(number) < 65536 or protocol not in ("tcp", "udp"):
        raise ValueError(f"{value!r} is no port; write one like 443 or '443/udp'")
    return f"{int(number)}/{protocol}"


def _label(value: str) -> str:
    if not re.fullmatch(_LABEL, value.lower()):
        raise ValueError(f"{value!r} is no single label; write one like imap")
    return value.lower()


def _selector(value: str) -> str:
    if not re.fullmatch(rf"{_LABEL}(?:\.{_LABEL})*", value):
        raise ValueError(f"{value!r} is no DKIM selector; write lower-case letters and digits")
    return value


Fqdn = Annotated[str, AfterValidator(fqdn)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class User(_Model):
    """One mailbox and its login."""

    password_hash: Annotated[str | None, AfterValidator(_crypt_hash)] = Field(
        None,
        description="crypt(3) hash of the password, as `make password` prints it. Required unless "
        "the state is absent. A check takes 1.6 ms for `$6$`, 19 for `$y$`, 50 for `$2b$10$`.",
        examples=["$6$…"],
    )
    state: Literal["present", "absent"] = Field(
        "present",
        description="`absent` removes the user: no login, no delivery, open sessions end, and the "
        "mail goes as `mail` says.",
        examples=["absent"],
    )
    mail: Literal["archive", "purge"] = Field(
        "archive",
        description="What happens to the mail of a user who is absent: into a dated tar file in "
        "`/var/vmail/.archive`, or deleted.",
        examples=["purge"],
    )


class Tls(_Model):
    """Where the certificate of all services comes from."""

    mode: Literal["self-signed", "files", "acme"] = Field(
        "self-signed",
        description="`self-signed` is made on the host; `files` brings a certificate and its key "
        "from the control machine; `acme` comes in a later version.",
        examples=["files"],
    )
    cert: str | None = Field(
        None,
        description="With `files`: path on the control machine of certificate and chain (PEM).",
        examples=["~/certs/mail.example.org/fullchain.pem"],
    )
    key: str | None = Field(
        None,
        description="With `files`: path on the control machine of the private key (PEM).",
        examples=["~/certs/mail.example.org/privkey.pem"],
    )
    email: str | None = Field(None, description="With `acme`: the account's address.")
    directory_url: str | None = Field(None, description="With `acme`: the CA's directory.")

    @field_validator("mode")
    @classmethod
    def _not_yet(cls, mode: str) -> str:
        if mode == "acme":
            raise ValueError("'acme' comes in a later version; use 'files' or 'self-signed'")
        return mode


class Settings(_Model):
    """Everything that the inventory says of one host."""

    mail_hostname: Fqdn = Field(
        description="Name of the host: HELO, PTR record and certificate. Not a mail domain itself.",
        examples=["mail.example.org"],
    )
    mail_domains: Annotated[list[Fqdn], Field(min_length=1), AfterValidator(_unrepeated)] = Field(
        description="Domains whose mail the host receives. The first is the primary domain; each "
        "has its own address space and its own DKIM key.",
        examples=[["example.org", "second.org"]],
    )
    mail_ipv4: IPv4Address | None = Field(
        None, description="Public IPv4 address, for the DNS records.", examples=["192.0.2.25"]
    )
    mail_ipv6: IPv6Address | None = Field(
        None,
        description="Public IPv6 address, for the DNS records. Without it mail goes out by IPv4: "
        "large providers refuse IPv6 without a PTR record.",
        examples=["2001:db8::25"],
    )
    mail_users: dict[str, User] = Field(
        {},
        description="Mailboxes: name or full address → settings. A bare name means the primary "
        "domain. The mail of a name that vanishes from here stays where it is, out of reach.",
        examples=[{"alice": {"password_hash": "$6$…"}, "carol@second.org": {"state": "absent"}}],
    )
    mail_aliases: dict[str, list[str]] = Field(
        {},
        description="Aliases: name or full address → users, aliases or remote addresses. `root`, "
        "`postmaster`, `abuse` and the other RFC 2142 names exist in every domain without being "
        "listed, and lead to `root` or else to the first user. Users whom an alias leads to may "
        "send as it.",
        examples=[{"sales": ["alice", "bob"], "root": ["alice"]}],
    )
    mail_tls: Tls = Field(
        Tls(),
        description="The certificate; see below.",
        examples=[{"mode": "self-signed"}],
    )
    mail_dkim_selector: Annotated[str, AfterValidator(_selector)] = Field(
        "default", description="DKIM selector (RFC 6376).", examples=["s2026"]
    )
    mail_dkim_bits: int = Field(
        2048,
        ge=2048,
        le=4096,
        description="Bits of a new RSA key. Keys that are there are never made again.",
        examples=[2048],
    )
    mail_dmarc_policy: Literal["none", "quarantine", "reject"] = Field(
        "quarantine", description="Published DMARC policy (RFC 9989).", examples=["reject"]
    )
    mail_spf_all: Literal["~all", "-all", "?all"] = Field(
        "~all", description="End of the published SPF record (RFC 7208).", examples=["-all"]
    )
    mail_dmarc_inbound: Literal["off", "mark", "enforce"] = Field(
        "mark",
        description="What becomes of SPF, DKIM and DMARC of arriving mail: `mark` writes the "
        "results into Authentication-Results, `enforce` also refuses mail that its sender's "
        "policy says to reject, `off` verifies DKIM only.",
        examples=["enforce"],
    )
    mail_null_domains: Annotated[list[Fqdn], AfterValidator(_unrepeated)] = Field(
        [],
        description="Domains of yours without mail, whose DNS records say so: nobody can send as "
        "them (RFC 7208, RFC 7505).",
        examples=[["example.net"]],
    )
    mail_caa_issuers: Annotated[list[Fqdn], AfterValidator(_unrepeated)] = Field(
        [],
        description="Certification authorities that may issue for the host's names (CAA, RFC "
        "8659), as each names itself; without any there is no CAA record.",
        examples=[["letsencrypt.org"]],
    )
    mail_name_servers: Annotated[list[Fqdn], AfterValidator(_unrepeated)] = Field(
        [],
        description="Name servers of the zone files (NS); leave it out where a DNS provider "
        "imports the file.",
        examples=[["ns1.example.net", "ns2.example.net"]],
    )
    mail_check_resolver: IPv4Address | IPv6Address | None = Field(
        None,
        description="Resolver that `make check` asks; without it this machine's own.",
        examples=["192.0.2.53"],
    )
    mail_check_outbound: Annotated[str, AfterValidator(_required_host_and_port)] = Field(
        "gmail-smtp-in.l.google.com:25",
        description="Mail server that the host connects to in `make check`, to see whether the "
        "provider lets port 25 out. With a smarthost, that one is tried instead.",
        examples=["mx.example.net:25"],
    )
    mail_blocklists: Annotated[list[Fqdn], AfterValidator(_unrepeated)] = Field(
        ["zen.spamhaus.org", "bl.spamcop.net", "psbl.surriel.com", "b.barracudacentral.org"],
        description="DNS blocklists that `make check` looks the host's addresses up in.",
        examples=[["zen.spamhaus.org"]],
    )
    mail_message_size_limit: int = Field(
        52428800,
        ge=2**20,
        lt=2**31,
        description="Bytes of one message; an attachment grows by a third on its way (base64).",
        examples=[36700160],
    )
    mail_relayhost: Annotated[str | None, AfterValidator(host_and_port)] = Field(
        None,
        description="Smarthost as host:port, where the provider blocks port 25.",
        examples=["smtp.example.net:587"],
    )
    mail_relayhost_credentials: str | None = Field(
        None,
        description="Path on the control machine of a file with one line `user:password` for the "
        "smarthost.",
        examples=["~/secrets/smarthost"],
    )
    mail_client_names: list[Annotated[str, AfterValidator(_label)]] = Field(
        [],
        description="Labels below the primary domain that mail programs try by themselves: in DNS "
        "and in the certificate.",
        examples=[["mx", "smtp", "pop", "imap"]],
    )
    mail_firewall: bool = Field(
        True,
        description="Whether others reach nothing but mail, SSH and `mail_open_ports` (nftables, "
        "one table of its own). New rules are taken back where SSH does not get through them.",
        examples=[False],
    )
    mail_open_ports: list[Annotated[str, BeforeValidator(_port)]] | None = Field(
        None,
        description="What else stays open: ports, TCP unless they end in `/udp`. Left out, "
        "switching the firewall on is refused where it would close a port in use.",
        examples=[[80, 443, "51820/udp"]],
    )
    mail_updates: Literal["off", "install", "reboot"] = Field(
        "install",
        description="Debian's security updates: `install` has them installed every day and what "
        "runs on old ones restarted, `reboot` also reboots at 4 o'clock for a new kernel.",
        examples=["reboot"],
    )
    mail_swap_size: int = Field(
        2**30,
        ge=0,
        description="Bytes of the swap file that is made where there is no swap; 0 makes none.",
        examples=[0],
    )

    @property
    def primary_domain(self) -> str:
        """The domain of every bare name."""
        return self.mail_domains[0]

    def address(self, name: str) -> str:
        """Return a name or address as a full address in lower case."""
        return name.lower() if "@" in name else f"{name.lower()}@{self.primary_domain}"

    @cached_property
    def users(self) -> dict[str, User]:
        """Full address -> settings of every user who is present, in the inventory's order."""
        return {
            self.address(name): user
            for name, user in self.mail_users.items()
            if user.state == "present"
        }

    @cached_property
    def removed_users(self) -> dict[str, str]:
        """Full address -> "archive" or "purge" of every user who is absent."""
        return {
            self.address(name): user.mail
            for name, user in self.mail_users.items()
            if user.state == "absent"
        }

    @cached_property
    def aliases(self) -> dict[str, list[str]]:
        """Full address -> full addresses, as the inventory has them (RFC 2142's names apart)."""
        return {
            self.address(name): [self.address(target) for target in targets]
            for name, targets in self.mail_aliases.items()
        }

    @property
    def names(self) -> list[str]:
        """Every host name that a client may use: what the certificate has to cover."""
        return [
            self.mail_hostname,
            *(f"{label}.{self.primary_domain}" for label in self.mail_client_names),
        ]
