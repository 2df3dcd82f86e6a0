"""Checks before a host is touched: each setting, settings against each other, the machine."""

import re
from collections.abc import Mapping

from pyinfra import config, host, logger
from pyinfra.api import DeployError

from facts.machine import MachineState
from services import renewal
from services.all import ALL
from services.configuration import why_not
from settings.local_files import read_login
from settings.models import Settings
from settings.parsing import parse
from settings.values import UNKNOWN
from wanted import addresses, certificates, dns, mta_sts


def checked_settings(machine: MachineState | None = None) -> Settings:
    """
    Return the current host's settings; print its warnings.

    + machine: what the host is; without it, only the settings are checked

    Raises DeployError with one line for each problem of the host's inventory data and machine.
    """
    data = host.data.dict()  # type: ignore[no-untyped-call]
    settings, problems = settings_and_problems(data)
    if machine:
        problems += why_not(ALL, settings, machine)
    if problems:
        lines = [f"{host.name}: {problem}" for problem in problems]
        raise DeployError("\n".join(["nothing was touched:", *lines]))
    for warning in (*_password_warnings(data, _sudo_asked()), *warnings(settings)):
        logger.warning("%s%s", host.print_prefix, warning)
    return settings


def _sudo_asked() -> bool:
    """Whether pyinfra has asked for sudo's password, or got it from its own configuration."""
    return bool(host.connector_data.get("prompted_sudo_password") or config.SUDO_PASSWORD)


def _password_warnings(data: Mapping[str, object], sudo_asked: bool) -> list[str]:
    """Return a line for each password that pyinfra passes on in the arguments of a command."""
    keys = [
        key for key in ("_use_sudo_password", "_sudo_password", "_su_password") if data.get(key)
    ]
    if sudo_asked and not keys:
        keys = ["ssh_user"]
    return [
        f"{key}: every account of the host can read the password of sudo or su in the list of "
        f"processes; let {data.get('ssh_user') or 'the account'} use sudo without one (NOPASSWD in "
        "/etc/sudoers.d), or log in as root with a key"
        for key in keys
    ]


def settings_and_problems(data: Mapping[str, object]) -> tuple[Settings, list[str]]:
    """Return a host's settings and every problem of its inventory data, one line each."""
    settings, problems = parse(data)
    if not problems and UNKNOWN in (settings.mail_hostname, *settings.mail_domains):
        problems.append(f"mail_domains: {UNKNOWN} is nobody's (RFC 2606); write a name of your own")
    problems += _problems_between_keys(settings)
    for module in (addresses, certificates, mta_sts, renewal):
        problems += module.problems(settings)
    return settings, [_one_line(problem) for problem in problems]


def _one_line(problem: str) -> str:
    """Return a problem in one printable line of at most 500 characters, without password hashes."""
    shown = "".join(each if each.isprintable() else repr(each)[1:-1] for each in problem)
    shown = re.sub(r"\$\w+\$[^\s']{20,}", "$…", shown)  # a password hash in the wrong place
    return shown if len(shown) <= 500 else f"{shown[:240]} … {shown[-240:]}"


def _problems_between_keys(settings: Settings) -> list[str]:
    found = []
    local = f"localhost.{settings.primary_domain}"  # the machine's own name in main.cf
    for key, names in (
        ("mail_hostname", [settings.mail_hostname]),
        ("mail_domains", settings.mail_domains),
    ):
        if local in names:
            found.append(f"{key}: {local} is what every machine calls itself; take another name")
    if settings.mail_hostname in settings.mail_domains and settings.mail_hostname != UNKNOWN:
        found.append(
            f"mail_hostname: {settings.mail_hostname} is a mail domain as well; give the host a "
            f"name of its own, like mail.{settings.mail_hostname}"
        )
    if settings.mail_relayhost_credentials is not None:
        if settings.mail_relayhost is None:
            found.append(
                "mail_relayhost_credentials: there is no mail_relayhost; name the smarthost"
            )
        try:
            read_login(settings.mail_relayhost_credentials)
        except ValueError as error:
            found.append(f"mail_relayhost_credentials: {error}")
    return found + _dns_problems(settings)


def _dns_problems(settings: Settings) -> list[str]:
    found = []
    for domain in settings.mail_null_domains:
        if domain in settings.mail_domains:
            found.append(
                f"mail_null_domains: {domain} is in mail_domains as well; take it out of one of "
                "the two"
            )
        elif domain in settings.names:
            found.append(
                f"mail_null_domains: {domain} is a name of the host; leave it out, its own records "
                "say what may come from it"
            )
    asked = set(settings.names) - {settings.mail_hostname, *settings.client_names}
    found += [
        f"mail_web: {domain} is a mail domain, and a name that mail programs ask for the settings "
        "of another; take it out of mail_domains, or leave mail_web out"
        for domain in settings.mail_domains
        if domain in asked
    ]
    # A name takes at most 253 characters (RFC 1035), and records add labels to a domain.
    some_keys = dict.fromkeys(settings.mail_domains, "some key")
    longest = max((record.name for record in dns.records(settings, some_keys)), key=len)
    if len(longest) > 253:
        found.append(
            f"mail_domains: {longest} has {len(longest)} characters, and DNS takes 253; use a "
            "shorter domain or DKIM selector"
        )
    return found


def warnings(settings: Settings) -> list[str]:
    """Return what is allowed but probably a mistake, one line each."""
    found = [
        f"mail_users.{name}.password_hash: bcrypt of this cost takes 200 ms or more a login; "
        "$y$ takes 19"
        for name, user in settings.users.items()
        if (match := re.match(r"\$2[aby]\$(\d\d)", user.password_hash or ""))
        and int(match.group(1)) >= 12
    ]
    if settings.mail_web and not settings.mail_tls.trusted_by_others:
        found.append(
            "mail_web: mail programs take no settings from where the certificate is self-signed; "
            "set mail_tls to 'acme' or 'files'"
        )
    return [*found, *certificates.warnings(settings)]
