"""All drift of the current host: wanted state from the settings, five or six facts, one list."""

from __future__ import annotations

from datetime import UTC, datetime

from pyinfra import host
from pyinfra.api import DeployError

from facts.configuration import FileContents, ManagedFiles
from facts.live import Live
from facts.opendkim import KEYS
from facts.packages import Packages
from facts.services import Services
from facts.system import System
from facts.tls import PEM
from operations import dovecot
from operations import packages as debian
from operations import services as wanted
from operations.preflight import checked_settings
from operations.system import MAIL_FOLDER
from settings import Settings
from tasks.drifts import files, machine, network, services
from tasks.drifts.files import Place
from tasks.drifts.report import Report
from tasks.drifts.row import Row

PASSWD_FILES = (dovecot.USERS, dovecot.PROBE_USERS)


def report() -> Report:
    """
    Compare the current host with what its inventory says.

    Raises DeployError where the inventory is wrong or the host is no mail host yet.
    """
    now = datetime.now(UTC)
    system = host.get_fact(System)
    mail = checked_settings(system)
    configurations = wanted.configurations(mail, system)
    ours = [file for each in configurations for file in each.files]
    keys = dkim_keys(mail)

    units = host.get_fact(Services)
    if "postfix" not in units:
        raise DeployError("is no mail host yet: run deploy.py (`make deploy`) first")
    packages = debian.wanted(mail, system)
    installed = host.get_fact(Packages, packages=packages)
    folders = files.folders([*(file.path for file in ours), PEM])
    beside = [*machine.FILES, *folders, PEM, *(key.path for key in keys)]
    known = [*(file.path for file in ours), *beside]
    states = host.get_fact(ManagedFiles, paths=known)
    live = host.get_fact(Live, folder=MAIL_FOLDER, passwd_files=PASSWD_FILES)
    readable = files.changed(ours, states)
    texts = host.get_fact(FileContents, paths=readable) if readable else {}

    running = services.wanted(configurations)
    inactive = [name for name in running if name not in units or not units[name].active]
    rows = [
        *machine.packages(packages, installed),
        *machine.names(mail, system, states),
        *machine.resources(mail, system),
        *machine.accounts(system, live.superusers),
        *files.content(ours, states, texts, {p: live.logins.get(p, ()) for p in PASSWD_FILES}),
        *files.owners(ours, [*keys, Place(PEM, "root:root", "600")], states),
        *files.writers(folders, states),
        *files.missing(keys, states),
        *files.leftovers(known, states),
        *machine.mail_folders(system, states, live.loose_folders),
        *services.states(configurations, units),
        *services.overrides(configurations, units),
    ]
    if live.listeners is None:
        rows.append(Row("ports", "known ones", "ss(8) could not be run"))
    else:
        asked = network.asked(live.listeners, inactive)
        rows += network.listeners(live.listeners, inactive, ssh_ports(), open_ports(mail))
        rows += network.certificates(mail, live.certificate, live.served, asked, now)
    return Report(mail.mail_hostname, now, rows)


def dkim_keys(mail: Settings) -> list[Place]:
    """Return the DKIM keys, which the host made for itself, and their folders."""
    owner, selector = "opendkim:opendkim", mail.mail_dkim_selector
    found = [Place(KEYS, owner, "700")]
    for domain in mail.mail_domains:
        folder = f"{KEYS}/{domain}"
        found += [Place(folder, owner, "700"), Place(f"{folder}/{selector}.private", owner, "600")]
    return found


def open_ports(mail: Settings) -> set[int]:
    """Return the TCP ports that other software may listen on."""
    ports = (port.partition("/") for port in mail.mail_open_ports or [])
    return {int(number) for number, _, protocol in ports if protocol == "tcp"}


def ssh_ports() -> set[int]:
    """Return where sshd may listen: its own port, and the one that the inventory reaches it at."""
    return {22, int(host.data.get("ssh_port") or 22)}
