"""Postfix: main.cf, master.cf and the lookup tables, all owned whole."""

from __future__ import annotations

from layout import MAIL_FOLDER, PEM
from services import limits
from services.dovecot import SCORE_USERS
from services.service import Configuration, File, lookup_table
from services.units import drop_in
from settings.local_files import read_login
from settings.models import Settings
from wanted import addresses
from wanted.rendering import render

TABLES = "/etc/postfix/tables"
#: OpenDKIM's script for From: headers (services/opendkim.py) reads it as well.
SENDER_LOGINS = f"{TABLES}/sender_logins"
#: Where `make score` (tasks/score.py) sends its message: to a port of the host's loopback.
SCORE_DOMAIN = "probe.invalid"
SINK_PORT = 10025

#: Nobody's domain (RFC 2606): forwarded mail is in it between its two passes (master.cf, forward).
FORWARD_DOMAIN = "forward.invalid"

#: Bytes that have to be free for new mail to be taken (main.cf, queue_minfree).
QUEUE_MINFREE = 256 * 2**20
#: Debian release -> the unit that holds the processes: 12 has a template for instances.
UNITS = {"12": "postfix@", "13": "postfix"}

#: Names of this machine at which mail may be addressed to root and to postmaster.
_LOCAL_NAMES = ("root", "postmaster", "abuse", "mailer-daemon")


def virtual_mailboxes(settings: Settings) -> list[tuple[str, str]]:
    """Return (address, Maildir below the mail folder) of every mailbox, see virtual(8)."""
    rows = []
    for address in addresses.mailboxes(settings):
        name, _, domain = address.partition("@")
        rows.append((address, f"{domain}/{name}/Maildir/"))
    return rows


def virtual_aliases(settings: Settings) -> list[tuple[str, str]]:
    """Return (address, targets), see virtual(5); the machine's own names lead to the primary."""
    rows = [
        (address, ", ".join(_next_hop(settings, target) for target in targets))
        for address, targets in addresses.aliases(settings).items()
    ]
    for site in addresses.machine_sites(settings):
        rows += [(f"{name}@{site}", f"{name}@{settings.primary_domain}") for name in _LOCAL_NAMES]
    return rows


def _next_hop(settings: Settings, target: str) -> str:
    """Return an alias's target; on another host as NAME=HOST in the domain of the second pass."""
    if not addresses.is_remote(settings, target):
        return target
    name, _, domain = target.rpartition("@")
    return f"{name}={domain}@{FORWARD_DOMAIN}"


def sender_logins(settings: Settings) -> list[tuple[str, str]]:
    """Return (address, logins that may send as it), see smtpd_sender_login_maps."""
    owners = addresses.sender_logins(settings)
    score_sender = addresses.score_sender(settings)
    owners[score_sender] = [score_sender]
    return [(address, ",".join(logins)) for address, logins in owners.items()]


def _table(name: str, content: str | None, mode: str = "644", secret: bool = False) -> File:
    return File(f"{TABLES}/{name}", content, mode=mode, secret=secret)


def _pattern(network: str) -> str:
    """Return a network as mynetworks and its like have it, see postconf(5)."""
    address, _, length = network.partition("/")
    return f"[{address}]/{length}" if ":" in address else network


def configuration(release: str, settings: Settings, vmail: tuple[int, int]) -> Configuration:
    """
    Return Postfix's files.

    + release: Debian's, "12" or "13"
    + vmail: uid and gid that own the mail
    """
    forwards = bool(addresses.remote_targets(settings))
    main = render(
        "postfix/main.cf.j2",
        release=release,
        hostname=settings.mail_hostname,
        primary_domain=settings.primary_domain,
        domains=settings.mail_domains,
        message_size_limit=settings.mail_message_size_limit,
        queue_minfree=QUEUE_MINFREE,
        relayhost=relayhost(settings.mail_relayhost),
        relayhost_login=settings.mail_relayhost_credentials is not None,
        relayhost_wrapper=(settings.mail_relayhost or "").endswith(":465"),
        tables=TABLES,
        trusted=[_pattern(network) for network in settings.mail_trusted_networks],
        forwards=forwards,
        forward_domain=FORWARD_DOMAIN,
        dmarc=settings.mail_dmarc_inbound,
        limits=limits.runs(settings),
        score_domain=SCORE_DOMAIN,
        sink_port=SINK_PORT,
        pem=PEM,
        mail_folder=MAIL_FOLDER,
        vmail=vmail,
    )
    master = render(
        "postfix/master.cf.j2",
        release=release,
        tables=TABLES,
        ipv6=settings.mail_ipv6 is not None,
        forwards=forwards,
        from_header=settings.mail_from_header,
    )
    return Configuration(
        "postfix",
        [
            File("/etc/postfix/main.cf", main),
            File("/etc/postfix/master.cf", master),
            drop_in("postfix", UNITS[release]),
        ],
        check=_CHECK,
        probes=_probes(settings),
    )


def tables(release: str, settings: Settings) -> Configuration:
    """Return Postfix's lookup tables, which its checker doesn't read."""
    headers = {"release": release, "hostname": settings.mail_hostname}
    forwards = None
    if addresses.remote_targets(settings):
        forwards = render("postfix/forwards.j2", forward_domain=FORWARD_DOMAIN)
    return Configuration(
        None,
        [
            _table("virtual_mailboxes", lookup_table(virtual_mailboxes(settings), "mailboxes")),
            _table("virtual_aliases", lookup_table(virtual_aliases(settings), "aliases")),
            _table("sender_logins", lookup_table(sender_logins(settings), "who may send as whom")),
            _table("header_checks", render("postfix/header_checks.j2", **headers)),
            _table(
                "submission_header_checks",
                render("postfix/submission_header_checks.j2", **headers),
            ),
            _table("forwards", forwards),
            relay_login(settings),
            File("/etc/aliases", render("postfix/aliases.j2")),
        ],
    )


def _probes(settings: Settings) -> list[tuple[str, ...]]:
    """Return what answers, see probe/."""
    name, postmaster = settings.mail_hostname, f"postmaster@{settings.primary_domain}"
    probes: list[tuple[str, ...]] = [("smtp", "25", name, PEM, postmaster)]
    for port, mode in (("587", "starttls"), ("465", "tls")):
        probes.append(("submission", port, mode, name, PEM, SCORE_USERS, postmaster))
    if addresses.remote_targets(settings):
        probes.append(("greets", "10026", name))
    return probes


# postconf warns of a parameter that no program reads, that is, of every misspelt name.
_CHECK = """
warnings=$(postconf -c "$stage/etc/postfix" 2>&1 >/dev/null) ||
  fail "postconf refuses /etc/postfix: $warnings"
[ -z "$warnings" ] || fail "postconf warns of /etc/postfix: $warnings"
warnings=$(postfix -c "$stage/etc/postfix" check 2>&1) ||
  fail "postfix check refuses /etc/postfix: $warnings"
"""


def relayhost(setting: str | None) -> str | None:
    """Return the smarthost in Postfix's form: [host]:port, which asks for no MX record."""
    if not setting:
        return None
    name, _, port = setting.rpartition(":")
    return f"[{name.strip('[]')}]:{port}"


def relay_login(settings: Settings) -> File:
    """Return the smarthost's credentials, for root only, or their absence."""
    smarthost = relayhost(settings.mail_relayhost)
    path = f"{TABLES}/relay_login"
    if not smarthost or settings.mail_relayhost_credentials is None:
        return File(path, None)
    login = read_login(settings.mail_relayhost_credentials)
    content = lookup_table([(smarthost, login)], "the smarthost's login")
    return File(path, content, mode="600", secret=True)
