"""
A certificate that the host itself renews: from a certification authority (ACME, by uacme), or from
files that other software keeps on the host (remote/renewal).

A timer, twice a day, and each deploy start the same unit. We use uacme, not certbot: it needs 10 MB
of memory instead of 45 and half the packages on Debian 12, has no timer of its own, and takes a
CSR, so that it never holds the certificate's private key.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping

from facts.machine import MachineState
from facts.tls import RENEWAL
from layout import ETC, LIBRARY, PEM
from services.service import RESTART, File, Service, no_effect
from services.units import SYSTEM, program
from settings.local_files import read_file
from settings.models import Settings
from settings.tls import LETS_ENCRYPT, Acme, HostFiles
from wanted.rendering import render

TIMER, PATH = "mailhost-certificate.timer", "mailhost-certificate.path"
_STARTED_ANEW = no_effect("the timer starts a new process each time")


def enabled(settings: Settings) -> bool:
    """Whether the host renews its certificate by itself."""
    return settings.mail_tls.renewed_by_host


def _packages(settings: Settings, machine: MachineState) -> list[str]:
    names = {"http": ["uacme"], "hook": ["uacme"], "dns": ["bind9-dnsutils", "uacme"], "": []}
    return names[settings.mail_tls.answered_by]


def problems(settings: Settings) -> list[str]:
    """Return contradictions of `mail_tls`, and its files that are of no use; one line each."""
    tls, issuers = settings.mail_tls, settings.mail_caa_issuers
    if not isinstance(tls, Acme):
        return []
    found = []
    if tls.directory_url == LETS_ENCRYPT and issuers and "letsencrypt.org" not in issuers:
        found.append(
            "mail_caa_issuers: forbids Let's Encrypt, where mail_tls gets its certificate; add "
            "'letsencrypt.org', or name another directory_url"
        )
    return found + _file_problems(tls)


#: A TSIG key in a file of BIND 9.
_TSIG = r'\s*key\s+"?[\w.-]+"?\s*\{[^}]*\bsecret\b'


def _file_problems(tls: Acme) -> list[str]:
    found = []
    for name, form, what in (
        ("dns_key", _TSIG, "TSIG key as `tsig-keygen` prints it"),
        ("eab_key", r"[A-Za-z0-9_-]{16,}={0,2}\s*$", "HMAC key in base64url, in one line"),
        ("hook", "#!", "program that begins with #!"),
    ):
        path = getattr(tls, name)
        try:
            if path and not re.match(form, read_file(path)):
                found.append(f"mail_tls.{name}: is no {what}; name a file that is one")
        except ValueError as error:
            found.append(f"mail_tls.{name}: {error}")
    return found


def obstacles(settings: Settings, machine: MachineState) -> list[str]:
    """Return why the authority cannot reach this machine, one line each with its remedy."""
    if settings.mail_tls.answered_by != "http" or "80/tcp" not in machine.reachable:
        return []
    by = machine.reachable["80/tcp"]
    return [
        f"mail_tls: an authority asks on port 80, which {by or 'another program'} listens on; stop "
        "that, or set dns_server, or a hook that answers by it"
    ]


def conf(settings: Settings) -> str:
    """Return certificate.conf, which remote/renewal reads: shell variables, quoted."""
    tls, authority = settings.mail_tls, _authority(settings)
    followed = tls if isinstance(tls, HostFiles) else None
    server, _, port = (authority.dns_server or "").partition(":")
    values = {
        "from": "files" if followed else "authority",
        "names": " ".join(settings.names),
        "cert": followed.cert if followed else "",
        "key": followed.key if followed else "",
        "directory": authority.directory_url,
        "email": authority.email or "",
        "answers": tls.answered_by,
        "dns_server": f"{server} {port or 53}" if server else "",
        "eab_kid": authority.eab_kid or "",
        "reuse_key": "yes" if authority.reuse_key else "",
    }
    quoted = {name: shlex.quote(value) for name, value in values.items()}
    return render("renewal/certificate.conf.j2", values=quoted)


def _authority(settings: Settings) -> Acme:
    """Return the settings of the authority; defaults if there is none."""
    return settings.mail_tls if isinstance(settings.mail_tls, Acme) else Acme(mode="acme")


def _secret(name: str, path: Callable[[Acme], str | None], mode: str = "600") -> File:
    """Return the file of a secret from the control machine; without a path it must not exist."""

    def text(settings: Settings, machine: MachineState) -> str | None:
        named = path(_authority(settings))
        return read_file(named) if named else None

    return File(f"{ETC}/acme-{name}", _STARTED_ANEW, text, mode=mode, secret=True, removed=True)


def _service(settings: Settings, machine: MachineState) -> Mapping[str, object]:
    tls = settings.mail_tls
    http, on_host = tls.answered_by == "http", tls.follows_files
    capabilities = ["CAP_NET_ADMIN", "CAP_NET_BIND_SERVICE"] if http else []
    return {
        "script": RENEWAL,
        "writes": ["/var/www"] if tls.answered_by == "hook" else [],
        # To open and serve port 80; to read another account's files.
        "capabilities": ["CAP_DAC_READ_SEARCH"] if on_host else capabilities,
        "netlink": http,
    }


_CHECK = f"""
for file in {LIBRARY}/certificate.sh {ETC}/certificate.conf; do
  said=$(sh -n "$stage$file" 2>&1) || fail "sh refuses $file: $said"
done
"""

RENEWAL_TIMER = Service(
    TIMER,
    enabled=enabled,
    more_packages=_packages,
    files=(
        *(
            program(f"renewal/{name}", _STARTED_ANEW, name, mode="755")
            for name in ("certificate.sh", "challenge.sh", "responder.py", "account.py")
        ),
        File(f"{ETC}/certificate.conf", _STARTED_ANEW, lambda settings, _: conf(settings)),
        _secret("tsig.key", lambda authority: authority.dns_key),
        _secret("eab.key", lambda authority: authority.eab_key),
        # It may hold a provider's password.
        _secret("hook", lambda authority: authority.hook, mode="700"),
        File(f"{SYSTEM}/{TIMER}", RESTART, f"renewal/{TIMER}.j2"),
        File(
            f"{SYSTEM}/mailhost-certificate.service",
            _STARTED_ANEW,
            "renewal/mailhost-certificate.service.j2",
            _service,
        ),
    ),
    check=_CHECK,
    holds=("/var/lib/mailhost-certificate",),
    sees=(PEM.rpartition("/")[0],),
    # uacme takes 10, the responder on port 80 takes 6.
    memory_high=32,
    memory_max=64,
    obstacles=obstacles,
)

#: Starts the same unit when other software on the host changes the certificate's files.
RENEWAL_PATH = Service(
    PATH,
    enabled=lambda settings: settings.mail_tls.follows_files,
    files=(File(f"{SYSTEM}/{PATH}", RESTART, f"renewal/{PATH}.j2"),),
)
