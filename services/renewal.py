"""
A certificate that the host itself renews: from a certification authority (ACME, by uacme), or from
files that other software keeps on the host (remote/renewal).

What the timer does twice a day is what a deploy does: it starts the same unit. uacme, and not
certbot: 10 MB of memory instead of 45, half the packages on Debian 12, no timer of its own beside
ours, and with a CSR the private key is nobody else's to keep.
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
from settings.tls import LETS_ENCRYPT, Tls
from wanted.rendering import render

TIMER, PATH = "mailhost-certificate.timer", "mailhost-certificate.path"
_STARTED_ANEW = no_effect("the timer starts a new process each time")
_SOURCES = Path(__file__).resolve().parent.parent / "remote/renewal"


def runs(settings: Settings) -> bool:
    """Whether the host looks after its certificate by itself."""
    return settings.mail_tls.mode in ("acme", "host-files")


def follows(settings: Settings) -> bool:
    """Whether it comes from files that other software keeps on the host."""
    return settings.mail_tls.mode == "host-files"


def answers(settings: Settings) -> str:
    """Return how an authority is answered: "http", "dns" or "hook"; "" where none asks."""
    tls = settings.mail_tls
    if tls.mode != "acme":
        return ""
    return "hook" if tls.hook else "dns" if tls.dns_server else "http"


def _packages(settings: Settings, machine: MachineState) -> list[str]:
    names = {"http": ["uacme"], "hook": ["uacme"], "dns": ["bind9-dnsutils", "uacme"], "": []}
    return names[answers(settings)]


def problems(settings: Settings) -> list[str]:
    """Return what in `mail_tls` contradicts itself, or names no fit file; one line each."""
    tls = settings.mail_tls
    found = []
    if tls.mode != "acme":
        found += [
            f"mail_tls.{name}: is for an authority; add 'mode': 'acme', or leave it out"
            for name in sorted(tls.model_fields_set - {"mode", "cert", "key"})
        ]
    if follows(settings):
        found += [
            f"mail_tls.{name}: {path!r} is no path on the host; write one that begins with /"
            for name, path in (("cert", tls.cert), ("key", tls.key))
            if path and not re.fullmatch(r"/[A-Za-z0-9._/@+=-]+", path)
        ]
    if tls.hook and tls.dns_server:
        found.append("mail_tls.hook: dns_server answers the authority already; keep one of the two")
    for one, other in (("dns_server", "dns_key"), ("eab_kid", "eab_key")):
        for given, missing in ((one, other), (other, one)):
            if getattr(tls, given) and not getattr(tls, missing):
                found.append(f"mail_tls.{missing}: is missing; {given} needs it")
    issuers = settings.mail_caa_issuers
    default_authority = tls.mode == "acme" and tls.directory_url == LETS_ENCRYPT
    if default_authority and issuers and "letsencrypt.org" not in issuers:
        found.append(
            "mail_caa_issuers: forbids Let's Encrypt, where mail_tls gets its certificate; add "
            "'letsencrypt.org', or name another directory_url"
        )
    return found + _file_problems(tls)


#: A key file of BIND's.
_TSIG = r'\s*key\s+"?[\w.-]+"?\s*\{[^}]*\bsecret\b'


def _file_problems(tls: Tls) -> list[str]:
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
    """Return why this machine can't be looked at by an authority, with the remedy."""
    if answers(settings) != "http" or "80/tcp" not in machine.reachable:
        return []
    by = machine.reachable["80/tcp"]
    return [
        f"mail_tls: an authority asks on port 80, which {by or 'another program'} listens on; stop "
        "that, or set dns_server, or a hook that answers by it"
    ]


def conf(settings: Settings) -> str:
    """Return what the scripts read: shell variables, quoted."""
    tls = settings.mail_tls
    server, _, port = (tls.dns_server or "").partition(":")
    values = {
        "from": "authority" if tls.mode == "acme" else "files",
        "names": " ".join(settings.names),
        "cert": tls.cert or "",
        "key": tls.key or "",
        "directory": tls.directory_url,
        "email": tls.email or "",
        "answers": answers(settings),
        "dns_server": f"{server} {port or 53}" if server else "",
        "eab_kid": tls.eab_kid or "",
        "reuse_key": "yes" if tls.reuse_key else "",
    }
    quoted = {name: shlex.quote(value) for name, value in values.items()}
    return render("renewal/certificate.conf.j2", values=quoted)


def _conf(settings: Settings, machine: MachineState) -> str:
    return conf(settings)


def _program(name: str) -> File:
    text = (_SOURCES / name).read_text()
    return File(f"{LIBRARY}/{name}", _STARTED_ANEW, lambda *_: text, mode="755")


def _secret(name: str, path: Callable[[Settings], str | None], mode: str = "600") -> File:
    """Return what comes from the control machine; it goes where it is not needed any more."""

    def text(settings: Settings, machine: MachineState) -> str | None:
        named = path(settings)
        return read_file(named) if named else None

    return File(f"{ETC}/acme-{name}", _STARTED_ANEW, text, mode=mode, secret=True, removed=True)


def _service(settings: Settings, machine: MachineState) -> Mapping[str, object]:
    http, on_host = answers(settings) == "http", follows(settings)
    capabilities = ["CAP_NET_ADMIN", "CAP_NET_BIND_SERVICE"] if http else []
    return {
        "script": RENEWAL,
        "on_host": on_host,
        "writes": ["/var/www"] if answers(settings) == "hook" else [],
        # nftables and port 80; files of another account.
        "capabilities": ["CAP_DAC_READ_SEARCH"] if on_host else capabilities,
        "netlink": http,
    }


def _path(settings: Settings, machine: MachineState) -> Mapping[str, object]:
    return {"cert": settings.mail_tls.cert, "key": settings.mail_tls.key}


_CHECK = f"""
for file in {LIBRARY}/certificate.sh {ETC}/certificate.conf; do
  said=$(sh -n "$stage$file" 2>&1) || fail "sh refuses $file: $said"
done
"""

RENEWAL_TIMER = Service(
    TIMER,
    enabled=runs,
    more_packages=_packages,
    files=(
        *(
            _program(name)
            for name in ("certificate.sh", "challenge.sh", "responder.py", "account.py")
        ),
        File(f"{ETC}/certificate.conf", _STARTED_ANEW, _conf),
        _secret("tsig.key", lambda settings: settings.mail_tls.dns_key),
        _secret("eab.key", lambda settings: settings.mail_tls.eab_key),
        # It may hold a provider's password.
        _secret("hook", lambda settings: settings.mail_tls.hook, mode="700"),
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
    enabled=follows,
    files=(File(f"{SYSTEM}/{PATH}", RESTART, f"renewal/{PATH}.j2", _path),),
)
