"""
One host's inventory data as typed, validated, defaulted models.

This model and those that it names are the one place of every key's type, default and meaning;
docs/settings.md is made from them.
"""

from datetime import date
from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field

from settings import values
from settings.base import Model
from settings.tls import SelfSigned, Tls


class User(Model):
    """One mailbox and its login."""

    password_hash: values.PasswordHash | None = Field(None, examples=["$6$…"])
    """crypt(3) hash of the password, as `make password` prints it. Required unless the state is
    absent. A check takes 1.6 ms for `$6$`, 19 for `$y$`, 50 for `$2b$10$`."""
    state: Literal["present", "absent"] = Field("present", examples=["absent"])
    """`absent` removes the user: no login, no delivery, open sessions end, and the mail goes as
    `mail` says."""
    mail: Literal["archive", "purge"] = Field("archive", examples=["purge"])
    """What happens to the mail of a user who is absent: into a dated tar file in
    `/var/vmail/.archive`, or deleted."""


class Limits(Model):
    """How much each login may send through submission; 0 is no limit."""

    messages_hour: int = Field(200, ge=0, examples=[100])
    """Messages an hour."""
    messages_day: int = Field(1000, ge=0, examples=[500])
    """Messages a day."""
    recipients_hour: int = Field(500, ge=0, examples=[200])
    """Recipients an hour."""
    recipients_day: int = Field(2000, ge=0, examples=[1000])
    """Recipients a day."""
    new_recipients_day: int = Field(200, ge=0, examples=[500])
    """Recipients on other hosts a day whom this login never wrote to before (in 400 days): what a
    thief has most of."""


class Warmup(Model):
    """The plan by which a new address sends more each few days, until 10 000 a day."""

    start: date = Field(examples=["2026-12-01"])
    """First day; the plan is over by itself."""
    first_day: int = Field(50, ge=1, examples=[20])
    """Recipients on other hosts a day, at first."""
    double_every: int = Field(3, ge=1, examples=[7])
    """Days after which the number doubles."""


class Ban(Model):
    """When an address that guesses passwords is shut out, and for how long."""

    failures: int = Field(10, ge=1, examples=[5])
    """Wrong passwords within an hour that lead to a ban. The same login with the same wrong
    password counts once."""
    seconds: int = Field(3600, ge=1, examples=[86400])
    """How long the ban lasts."""


class Settings(Model):
    """Everything that the inventory says of one host."""

    mail_hostname: values.HostName = Field(examples=["mail.example.org"])
    """Name of the host: HELO, PTR record and certificate. Not a mail domain itself."""
    mail_domains: Annotated[values.Names, Field(min_length=1)] = Field(
        examples=[["example.org", "second.org"]]
    )
    """Domains whose mail the host receives. The first is the primary domain; each has its own
    address space and its own DKIM key."""
    mail_ipv4: values.Ipv4 | None = Field(None, examples=["192.0.2.25"])
    """Public IPv4 address, for the DNS records."""
    mail_ipv6: values.Ipv6 | None = Field(None, examples=["2001:db8::25"])
    """Public IPv6 address, for the DNS records. Without it mail goes out by IPv4: large providers
    refuse IPv6 without a PTR record."""
    mail_users: dict[str, User] = Field(
        {}, examples=[{"alice": {"password_hash": "$6$…"}, "carol@second.org": {"state": "absent"}}]
    )
    """Mailboxes: name or full address → settings. A bare name means the primary domain. The mail of
    a name that vanishes from here stays where it is, out of reach."""
    mail_aliases: dict[str, list[str]] = Field(
        {}, examples=[{"sales": ["alice", "bob"], "root": ["alice"]}]
    )
    """Aliases: name or full address → users, aliases or remote addresses. `root`, `postmaster`,
    `abuse` and the other RFC 2142 names exist in every domain without being listed, and lead to
    `root` or else to the first user. Users whom an alias leads to may send as it."""
    mail_tls: Tls = Field(SelfSigned(), examples=[{"mode": "acme", "email": "admin@example.org"}])
    """The certificate; see below."""
    mail_dkim_selector: values.DkimSelector = Field("default", examples=["s2026"])
    """DKIM selector (RFC 6376)."""
    mail_dkim_bits: int = Field(2048, ge=2048, le=4096, examples=[2048])
    """Bits of a new RSA key. Keys that are there are never made again."""
    mail_dmarc_policy: Literal["none", "quarantine", "reject"] = Field(
        "quarantine", examples=["reject"]
    )
    """Published DMARC policy (RFC 9989)."""
    mail_spf_all: Literal["~all", "-all", "?all"] = Field("~all", examples=["-all"])
    """End of the published SPF record (RFC 7208)."""
    mail_dmarc_inbound: Literal["off", "mark", "enforce"] = Field("mark", examples=["enforce"])
    """What becomes of SPF, DKIM and DMARC of arriving mail: `mark` writes the results into
    Authentication-Results, `enforce` also refuses mail that its sender's policy says to reject,
    `off` verifies DKIM only."""
    mail_null_domains: values.Names = Field([], examples=[["example.net"]])
    """Domains of yours without mail, whose DNS records say so: nobody can send as them (RFC 7208,
    RFC 7505)."""
    mail_caa_issuers: values.Names = Field([], examples=[["letsencrypt.org"]])
    """Certification authorities that may issue for the host's names (CAA, RFC 8659), as each names
    itself; without any there is no CAA record."""
    mail_name_servers: values.Names = Field([], examples=[["ns1.example.net", "ns2.example.net"]])
    """Name servers of the zone files (NS); leave it out where a DNS provider imports the file."""
    mail_check_resolver: values.Address | None = Field(None, examples=["192.0.2.53"])
    """Resolver that `make check` asks; without it this machine's own."""
    mail_check_outbound: values.HostAndPort = Field(
        "gmail-smtp-in.l.google.com:25", examples=["mx.example.net:25"]
    )
    """Mail server that the host connects to in `make check`, to see whether the provider lets port
    25 out. With a smarthost, that one is tried instead."""
    mail_blocklists: values.Names = Field(
        ["zen.spamhaus.org", "bl.spamcop.net", "psbl.surriel.com", "b.barracudacentral.org"],
        examples=[["zen.spamhaus.org"]],
    )
    """DNS blocklists that `make check` looks the host's addresses up in."""
    mail_message_size_limit: int = Field(52428800, ge=2**20, lt=2**31, examples=[36700160])
    """Bytes of one message; an attachment grows by a third on its way (base64)."""
    mail_relayhost: values.HostAndPort | None = Field(None, examples=["smtp.example.net:587"])
    """Smarthost as host:port, where the provider blocks port 25."""
    mail_relayhost_credentials: str | None = Field(None, examples=["~/secrets/smarthost"])
    """Path on the control machine of a file with one line `user:password` for the smarthost."""
    mail_from_header: Literal["strict", "off"] = Field("strict", examples=["off"])
    """Whether the From: header of what is submitted must be an address of the login, as the
    envelope sender must: else `550 5.7.1`. Strict also refuses From: somebody else with a Sender:
    of one's own."""
    mail_limits: Limits | None = Field(Limits(), examples=[{"messages_day": 3000}])
    """How much each login may send, should its password be stolen; see below. Over a limit the
    message gets `450`, and root is told once a day. None counts nothing."""
    mail_warmup: Warmup | None = Field(None, examples=[{"start": "2026-12-01"}])
    """A daily cap on what all logins together send to other hosts, while the host's address is new
    to them; see below."""
    mail_client_names: values.Labels = Field([], examples=[["mx", "smtp", "pop", "imap"]])
    """Labels below the primary domain that mail programs try by themselves: in DNS and in the
    certificate."""
    mail_web: bool = Field(False, examples=[True])
    """Whether the host serves the settings of mail programs (autoconfig, autodiscover, Apple
    profile) and the MTA-STS policy over HTTPS. Without it `make web` writes them for a web server
    that you have."""
    mail_mta_sts: Literal["off", "testing", "enforce"] = Field("off", examples=["testing"])
    """MTA-STS (RFC 8461): whether others send to the host in verified TLS only. Begin with
    `testing`, which has faults reported (TLS-RPT) and mail delivered."""
    mail_firewall: bool = Field(True, examples=[False])
    """Whether others reach nothing but mail, SSH and `mail_open_ports` (nftables, one table of its
    own). New rules are taken back where SSH does not get through them."""
    mail_open_ports: list[values.Port] | None = Field(None, examples=[[80, 443, "51820/udp"]])
    """What others may reach beside mail and SSH: ports, TCP unless they end in `/udp`. Left out,
    switching the firewall on is refused where it would close a port in use. `make drift` reports
    any other."""
    mail_updates: Literal["off", "install", "reboot"] = Field("install", examples=["reboot"])
    """Debian's security updates: `install` has them installed every day and what runs on old ones
    restarted, `reboot` also reboots at 4 o'clock for a new kernel."""
    mail_ban: Ban | None = Field(Ban(), examples=[{"failures": 5, "seconds": 86400}])
    """Bans for addresses that guess passwords, from the mail clients' ports or from SSH; see below.
    `None` does without fail2ban."""
    mail_trusted_networks: list[values.Network] = Field(
        [], examples=[["192.0.2.0/24", "2001:db8::/48"]]
    )
    """Networks of yours whose clients are never banned and whose number of sessions is not limited.
    They may send no more than others."""
    mail_swap_size: values.SwapSize = Field(2**30, ge=0, lt=2**50, examples=[0])
    """Bytes of the swap file that is made where there is no swap; 0 makes none."""

    @property
    def primary_domain(self) -> str:
        """The domain of every bare name."""
        return self.mail_domains[0]

    def address(self, name: str) -> str:
        """Return a name or address as a full address in lower case."""
        # Only ASCII has a lower case that means the same: see fqdn().
        name = name.lower() if name.isascii() else name
        return name if "@" in name else f"{name}@{self.primary_domain}"

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
    def limits(self) -> dict[str, int]:
        """Name -> number of each limit of `mail_limits`; empty if it is None."""
        return self.mail_limits.model_dump() if self.mail_limits else {}

    @property
    def client_names(self) -> list[str]:
        """The host names of `mail_client_names`."""
        return [f"{label}.{self.primary_domain}" for label in self.mail_client_names]

    def web_names(self, domain: str) -> list[str]:
        """Return the host names below a mail domain that have documents (wanted/clients.py)."""
        policy = [] if self.mail_mta_sts == "off" else ["mta-sts"]
        return [f"{label}.{domain}" for label in ("autoconfig", "autodiscover", *policy)]

    @property
    def names(self) -> list[str]:
        """Every host name that a client may use: what the certificate has to cover."""
        found = [self.mail_hostname, *self.client_names]
        if self.mail_web:
            found += [name for domain in self.mail_domains for name in self.web_names(domain)]
        return list(dict.fromkeys(found))
