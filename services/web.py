"""
lighttpd: serves the documents of wanted/clients.py over HTTPS.

Of Debian's static web servers with TLS it takes the least memory (docs/memory.md). Its socket
starts it and it ends when idle, so that it mostly takes none.
"""

from __future__ import annotations

from facts.machine import MachineState
from layout import ETC, HTTPS_PORT, PEM, WEB
from services.service import RESTART, Daemon, File, Folder, Service, given, no_effect
from services.units import SYSTEM
from settings.models import Settings
from wanted.clients import documents

NAME = "mailhost-web.socket"
CONF = f"{ETC}/web.conf"
#: Programs that hold the port, as ss(8) names them: systemd, and the server while it runs.
LISTENERS = frozenset({"systemd", "init", "lighttpd"})


def enabled(settings: Settings) -> bool:
    """Whether the settings want it."""
    return settings.mail_web


def _probes(settings: Settings) -> list[tuple[str, ...]]:
    host = f"autoconfig.{settings.primary_domain}"
    return [("https", str(HTTPS_PORT), host, "/mail/config-v1.1.xml", PEM)]


def obstacles(settings: Settings, machine: MachineState) -> list[str]:
    """Return why the server cannot be switched on, one line each with its remedy."""
    by = machine.reachable.get(f"{HTTPS_PORT}/tcp", "systemd")
    if by in LISTENERS:
        return []
    return [
        f"mail_web: {by or 'a web server'} has port {HTTPS_PORT} here already; leave it out, and "
        "let that one serve what `make web` writes"
    ]


# Checked with the certificate that it will have: a first one from `files` is still on the stage.
_CHECK = f"""
checked=$stage{CONF}.checked
prefix=$stage
[ -e "$stage{PEM}" ] || prefix=
sed "s|{PEM}|$prefix&|" "$stage{CONF}" > "$checked"
warnings=$(lighttpd -tt -f "$checked" 2>&1 >/dev/null) ||
  fail "lighttpd refuses {CONF}: $warnings"
[ -z "$warnings" ] || fail "lighttpd warns of {CONF}: $warnings"
"""

WEB_SERVER = Service(
    NAME,
    enabled=enabled,
    packages=("lighttpd", "lighttpd-mod-openssl"),
    files=(
        File(CONF, RESTART, "web/lighttpd.conf.j2", given(root=WEB)),
        File(f"{SYSTEM}/mailhost-web.socket", RESTART, "web/web.socket.j2"),
        File(f"{SYSTEM}/mailhost-web.service", RESTART, "web/web.service.j2", given(conf=CONF)),
    ),
    folders=(Folder(WEB, no_effect("read anew for each request"), documents),),
    check=_CHECK,
    probes=_probes,
    sees=(PEM,),
    ports=(HTTPS_PORT,),
    listeners=LISTENERS,
    memory_high=24,
    memory_max=32,
    daemons=(Daemon("lighttpd (`mail_web`)", 1, 3.0),),
    obstacles=obstacles,
)
