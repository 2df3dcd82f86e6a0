"""Postfix: main.cf, master.cf and the lookup tables; we own each of these files whole."""

from collections.abc import Callable, Iterable, Mapping

from facts.machine import MachineState
from layout import MAIL_FOLDER, PEM
from services import dovecot, limits, postsrsd
from services.service import RELOAD, Daemon, File, Service, always, no_effect
from services.units import drop_in
from settings.local_files import read_login
from settings.models import Settings
from wanted import addresses

TABLES = "/etc/postfix/tables"
#: OpenDKIM's script for From: headers (services/opendkim.py) reads this table as well.
SENDER_LOGINS = f"{TABLES}/sender_logins"
#: The domain that `make score` (tasks/score.py) sends to; its mail goes to this loopback port.
SCORE_DOMAIN = "probe.invalid"
SINK_PORT = 10025

#: Nobody's domain (RFC 2606). Mail for other hosts has it between its two passes through Postfix
#: (master.cf, forward).
FORWARD_DOMAIN = "forward.invalid"

#: Free bytes below which Postfix refuses new mail (main.cf, queue_minfree).
QUEUE_MINFREE = 256 * 2**20

#: Recipients that exist at each name of the machine itself.
_LOCAL_NAMES = ("root", "postmaster", "abuse", "mailer-daemon")


def virtual_mailboxes(settings: Settings) -> list[tuple[str, str]]:
    """Return (address, Maildir below the mail folder) of every mailbox, see virtual(8)."""
    rows = []
    for address in addresses.mailboxes(settings):
        name, _, domain = address.partition("@")
        rows.append((address, f"{domain}/{name}/Maildir/"))
    return rows


def virtual_aliases(settings: Settings) -> list[tuple[str, str]]:
    """Return (address, targets), see virtual(5); the machine's names lead to the primary domain."""
    rows = [
        (address, ", ".join(_next_hop(settings, target) for target in targets))
        for address, targets in addresses.aliases(settings).items()
    ]
    for site in addresses.machine_sites(settings):
        rows += [(f"{name}@{site}", f"{name}@{settings.primary_domain}") for name in _LOCAL_NAMES]
    return rows


def _next_hop(settings: Settings, target: str) -> str:
    """Return a target; one on another host becomes NAME=HOST@FORWARD_DOMAIN, for a second pass."""
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


def _pattern(network: str) -> str:
    """Return a network in the form of mynetworks, see postconf(5)."""
    address, _, length = network.partition("/")
    return f"[{address}]/{length}" if ":" in address else network


def _own_results(settings: Settings) -> str:
    """
    Return a pattern for Authentication-Results under our name, see regexp_table(5).

    Programs that read the header take quotes, escapes, blanks and comments anywhere in the name,
    not only where RFC 8601, section 2.2 allows them.
    """
    between = r'(["\\[:space:]]|\(.*\))*'
    name = "".join(between + each for each in settings.mail_hostname).replace("*.", r"*\.")
    return f"^Authentication-Results[[:space:]]*:{name}([^[:alnum:].-]|$)"


def _values(settings: Settings, machine: MachineState) -> Mapping[str, object]:
    return {
        "tables": TABLES,
        "own_results": _own_results(settings),
        "queue_minfree": QUEUE_MINFREE,
        "relayhost": relayhost(settings.mail_relayhost),
        "trusted": [_pattern(network) for network in settings.mail_trusted_networks],
        "forwards": postsrsd.enabled(settings),
        "forward_domain": FORWARD_DOMAIN,
        "limits": limits.enabled(settings),
        "score_domain": SCORE_DOMAIN,
        "score_sender": addresses.score_sender(settings),
        "suites": dovecot.SUITES,
        "sink_port": SINK_PORT,
    }


def _probes(settings: Settings) -> list[tuple[str, ...]]:
    name, postmaster = settings.mail_hostname, f"postmaster@{settings.primary_domain}"
    probes: list[tuple[str, ...]] = [("smtp", "25", name, PEM, postmaster)]
    for port, mode in (("587", "starttls"), ("465", "tls")):
        probes.append(("submission", port, mode, name, PEM, dovecot.SCORE_USERS, postmaster))
    if addresses.remote_targets(settings):
        probes.append(("greets", "10026", name))
    return probes


# postconf warns of a parameter that no program reads: of every misspelt name.
_CHECK = """
warnings=$(postconf -c "$stage/etc/postfix" 2>&1 >/dev/null) ||
  fail "postconf refuses /etc/postfix: $warnings"
[ -z "$warnings" ] || fail "postconf warns of /etc/postfix: $warnings"
warnings=$(postfix -c "$stage/etc/postfix" check 2>&1) ||
  fail "postfix check refuses /etc/postfix: $warnings"
"""


def relayhost(setting: str | None) -> str | None:
    """Return the smarthost as [host]:port: with brackets, Postfix asks for no MX record."""
    if not setting:
        return None
    name, _, port = setting.rpartition(":")
    return f"[{name.strip('[]')}]:{port}"


def relay_login(settings: Settings, machine: MachineState) -> str | None:
    """Return the lookup table with the smarthost's login; None if there is none."""
    smarthost = relayhost(settings.mail_relayhost)
    if not smarthost or settings.mail_relayhost_credentials is None:
        return None
    login = read_login(settings.mail_relayhost_credentials)
    return lookup_table([(smarthost, login)], "the smarthost's login")


def lookup_table(rows: Iterable[tuple[str, str]], comment: str) -> str:
    """Return the text of a texthash lookup table, see DATABASE_README."""
    return "".join([f"# {comment}\n", *(f"{key} {value}\n" for key, value in rows)])


def _rows(
    rows: Callable[[Settings], Iterable[tuple[str, str]]], comment: str
) -> Callable[[Settings, MachineState], str]:
    """Return a function that makes a lookup table from rows."""
    return lambda settings, _: lookup_table(rows(settings), comment)


def _table(
    name: str,
    source: str | Callable[[Settings, MachineState], str | None],
    when: Callable[[Settings], bool] = always,
    mode: str = "644",
    secret: bool = False,
) -> File:
    """Return the file of a lookup table; `postfix check` does not read those."""
    path = f"{TABLES}/{name}"
    return File(path, RELOAD, source, _values, when, mode=mode, secret=secret, checked=False)


POSTFIX = Service(
    "postfix",
    holders={"12": "postfix@-.service"},  # the instance of a template unit
    packages=("postfix",),
    # To log in at the smarthost with PLAIN or LOGIN.
    more_packages=lambda settings, _: (
        ["libsasl2-modules"] if settings.mail_relayhost_credentials else []
    ),
    files=(
        _table("virtual_mailboxes", _rows(virtual_mailboxes, "mailboxes")),
        _table("virtual_aliases", _rows(virtual_aliases, "aliases")),
        _table("sender_logins", _rows(sender_logins, "who may send as whom")),
        _table("header_checks", "postfix/header_checks.j2"),
        _table("submission_header_checks", "postfix/submission_header_checks.j2"),
        _table("forwards", "postfix/forwards.j2", when=postsrsd.enabled),
        _table("relay_login", relay_login, mode="600", secret=True),
        File(
            "/etc/aliases",
            no_effect("it only says where the aliases are: main.cf has no alias_maps"),
            "postfix/aliases.j2",
            checked=False,
        ),
        File("/etc/postfix/main.cf", RELOAD, "postfix/main.cf.j2", _values),
        File("/etc/postfix/master.cf", RELOAD, "postfix/master.cf.j2", _values),
        drop_in("postfix", "postfix@", release="12"),
        drop_in("postfix", release="13"),
    ),
    # After Dovecot's reload, an smtpd keeps its connection to the old auth process.
    affected_by={PEM: RELOAD, dovecot.CONF: RELOAD},
    check=_CHECK,
    probes=_probes,
    holds=("/etc/postfix", TABLES),
    sees=(PEM, MAIL_FOLDER),
    ports=(25, 465, 587),
    listeners=frozenset({"master"}),
    memory_max=440,
    daemons=(
        Daemon("smtpd (25, 587, 465, forwards)", 74, 2.3),
        Daemon("cleanup, one for each smtpd and pickup", 75, 1.0),
        Daemon("smtp", 33, 3.3),
        Daemon("virtual", 30, 0.7),
        Daemon("master, qmgr, tlsmgr, proxymap and others", 30, 0.9),
    ),
)
