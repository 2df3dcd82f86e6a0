"""
One host's inventory data as typed, validated, defaulted models.

This model and those that it names are the one place of every key's type, default and meaning;
docs/settings.md is made from them.
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from settings.base import Model
from settings.limits import Ban, Limits, Warmup
from settings.tls import SelfSigned, Tls
from settings.users import User
from settings.values import (
    Address,
    Fqdn,
    Ipv4,
    Ipv6,
    Names,
    host_and_port,
    host_name,
    label,
    network,
    port,
    required_host_and_port,
    selector,
    swap_size,
    unrepeated,
)


class Settings(Model):
    """Everything that the inventory says of one host."""

    mail_hostname: Annotated[Fqdn, AfterValidator(host_name)] = Field(
        description="Name of the host: HELO, PTR record and certificate. Not a mail domain itself.",
        examples=["mail.example.org"],
    )
    mail_domains: Annotated[Names, Field(min_length=1)] = Field(
        description="Domains whose mail the host receives. The first is the primary domain; each "
        "has its own address space and its own DKIM key.",
        examples=[["example.org", "second.org"]],
    )
    mail_ipv4: Ipv4 | None = Field(
        None, description="Public IPv4 address, for the DNS records.", examples=["192.0.2.25"]
    )
    mail_ipv6: Ipv6 | None = Field(
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
        SelfSigned(),
        description="The certificate; see below.",
        examples=[{"mode": "acme", "email": "admin@example.org"}],
    )
    mail_dkim_selector: Annotated[str, AfterValidator(selector)] = Field(
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
    mail_null_domains: Names = Field(
        [],
        description="Domains of yours without mail, whose DNS records say so: nobody can send as "
        "them (RFC 7208, RFC 7505).",
        examples=[["example.net"]],
    )
    mail_caa_issuers: Names = Field(
        [],
        description="Certification authorities that may issue for the host's names (CAA, RFC "
        "8659), as each names itself; without any there is no CAA record.",
        examples=[["letsencrypt.org"]],
    )
    mail_name_servers: Names = Field(
        [],
        description="Name servers of the zone files (NS); leave it out where a DNS provider "
        "imports the file.",
        examples=[["ns1.example.net", "ns2.example.net"]],
    )
    mail_check_resolver: Address | None = Field(
        None,
        description="Resolver that `make check` asks; without it this machine's own.",
        examples=["192.0.2.53"],
    )
    mail_check_outbound: Annotated[str, AfterValidator(required_host_and_port)] = Field(
        "gmail-smtp-in.l.google.com:25",
        description="Mail server that the host connects to in `make check`, to see whether the "
        "provider lets port 25 out. With a smarthost, that one is tried instead.",
        examples=["mx.example.net:25"],
    )
    mail_blocklists: Names = Field(
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
    mail_from_header: Literal["strict", "off"] = Field(
        "strict",
        description="Whether the From: header of what is submitted must be an address of the "
        "login, as the envelope sender must: else `550 5.7.1`. Strict also refuses From: somebody "
        "else with a Sender: of one's own.",
        examples=["off"],
    )
    mail_limits: Limits | None = Field(
        Limits(),
        description="How much each login may send, should its password be stolen; see below. Over "
        "a limit the message gets `450`, and root is told once a day. None counts nothing.",
        examples=[{"messages_day": 3000}],
    )
    mail_warmup: Warmup | None = Field(
        None,
        description="A daily cap on what all logins together send to other hosts, while the "
        "host's address is new to them; see below.",
        examples=[{"start": "2026-12-01"}],
    )
    mail_client_names: Annotated[
        list[Annotated[str, AfterValidator(label)]], AfterValidator(unrepeated)
    ] = Field(
        [],
        description="Labels below the primary domain that mail programs try by themselves: in DNS "
        "and in the certificate.",
        examples=[["mx", "smtp", "pop", "imap"]],
    )
    mail_web: bool = Field(
        False,
        description="Whether the host serves the settings of mail programs (autoconfig, "
        "autodiscover, Apple profile) and the MTA-STS policy over HTTPS. Without it `make web` "
        "writes them for a web server that you have.",
        examples=[True],
    )
    mail_mta_sts: Literal["off", "testing", "enforce"] = Field(
        "off",
        description="MTA-STS (RFC 8461): whether others send to the host in verified TLS only. "
        "Begin with `testing`, which has faults reported (TLS-RPT) and mail delivered.",
        examples=["testing"],
    )
    mail_firewall: bool = Field(
        True,
        description="Whether others reach nothing but mail, SSH and `mail_open_ports` (nftables, "
        "one table of its own). New rules are taken back where SSH does not get through them.",
        examples=[False],
    )
    mail_open_ports: list[Annotated[str, BeforeValidator(port)]] | None = Field(
        None,
        description="What others may reach beside mail and SSH: ports, TCP unless they end in "
        "`/udp`. Left out, switching the firewall on is refused where it would close a port in "
        "use. `make drift` reports any other.",
        examples=[[80, 443, "51820/udp"]],
    )
    mail_updates: Literal["off", "install", "reboot"] = Field(
        "install",
        description="Debian's security updates: `install` has them installed every day and what "
        "runs on old ones restarted, `reboot` also reboots at 4 o'clock for a new kernel.",
        examples=["reboot"],
    )
    mail_ban: Ban | None = Field(
        Ban(),
        description="Bans for addresses that guess passwords, from the mail clients' ports or from "
        "SSH; see below. `None` does without fail2ban.",
        examples=[{"failures": 5, "seconds": 86400}],
    )
    mail_trusted_networks: list[Annotated[str, AfterValidator(network)]] = Field(
        [],
        description="Networks of yours whose clients are never banned and whose number of sessions "
        "is not limited. They may send no more than others.",
        examples=[["192.0.2.0/24", "2001:db8::/48"]],
    )
    mail_swap_size: Annotated[int, AfterValidator(swap_size)] = Field(
        2**30,
        ge=0,
        lt=2**50,
        description="Bytes of the swap file that is made where there is no swap; 0 makes none.",
        examples=[0],
    )

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
