"""
A certificate that the host itself renews: from a certification authority (ACME, by uacme), or from
files that other software keeps on the host (remote/renewal).

A timer, twice a day, and each deploy start the same unit. uacme is used instead of certbot: it
needs 10 MB of memory instead of 45 and half the packages on Debian 12, has no timer of its own, and
takes a CSR, so that it never holds the certificate's private key.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path

from facts.machine import MachineState
from facts.tls import RENEWAL
from layout import ETC, LIBRARY, PEM
from services.service import RESTART, File, Service, no_effect
from services.units import SYSTEM
from settings.local_files import read_file
from settings.models import Settings
from settings.tls import LETS_ENCRYPT, Acme, HostFiles
from wanted.rendering import render

TIMER, PATH = "mailhost-certificate.timer", "mailhost-certificate.path"
_STARTED_ANEW = no_effect("the timer starts a new process each time")
_SOURCES = Path(__file__).resolve().parent.parent / "remote/renewal"


def enabled(settings: Settings) -> bool:
    """Whether the host looks after its certificate by itself."""
    return settings.mail_tls.renewed_by_host


def _packages(settings: Settings, machine: MachineState) -> list[str]:
    names = {"http": ["uacme"], "hook": ["uacme"], "dns": ["bind9-dnsutils", "uacme"], "": []}
    return names[settings.mail_tls.answered_by]


def problems(settings: Settings) -> list[str]:
    """Return what contradicts `mail_tls`, and which of its files are not fit; one line each."""
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


#: A key file of BIND's.
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
    """Return why an authority can't look at this machine, with the remedy."""
    if settings.mail_tls.answered_by != "http" or "80/tcp" not in machine.reachable:
        return []
    by = machine.reachable["80/tcp"]
    return [
        f"mail_tls: an authority asks on port 80, which {by or 'another program'} listens on; stop "
        "that, or set dns_server, or a hook that answers by it"
    ]


def conf(settings: Settings) -> str:
    """Return what the scripts read: shell variables, quoted."""
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
    """Return the settings of the authority; the defaults where none is asked."""
    return settings.mail_tls if isinstance(settings.mail_tls, Acme) else Acme(mode="acme")


def _conf(settings: Settings, machine: MachineState) -> str:
    return conf(settings)


def _program(name: str) -> File:
    text = (_SOURCES / name).read_text()
    return File(f"{LIBRARY}/{name}", _STARTED_ANEW, lambda *_: text, mode="755")


def _secret(name: str, path: Callable[[Acme], str | None], mode: str = "600") -> File:
    """Return a secret from the control machine; where it is not needed, it must not exist."""

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
        "on_host": on_host,
        "writes": ["/var/www"] if tls.answered_by == "hook" else [],
        # nftables and port 80; files of another account.
        "capabilities": ["CAP_DAC_READ_SEARCH"] if on_host else capabilities,
        "netlink": http,
    }


def _path(settings: Settings, machine: MachineState) -> Mapping[str, object]:
    assert isinstance(settings.mail_tls, HostFiles)
    return {"cert": settings.mail_tls.cert, "key": settings.mail_tls.key}


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
            _program(name)
            for name in ("certificate.sh", "challenge.sh", "responder.py", "account.py")
        ),
        File(f"{ETC}/certificate.conf", _STARTED_ANEW, _conf),
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
    # uacme takes 10, what answers on port 80 takes 6.
    memory_high=32,
    memory_max=64,
    problems=obstacles,
)

#: Starts the same service when files change that other software keeps on the host.
RENEWAL_PATH = Service(
    PATH,
    enabled=lambda settings: settings.mail_tls.follows_files,
    files=(File(f"{SYSTEM}/{PATH}", RESTART, f"renewal/{PATH}.j2", _path),),
)
