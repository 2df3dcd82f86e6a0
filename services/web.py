"""
What wanted/clients.py writes, served over HTTPS by lighttpd.

Of the static servers in Debian it takes the least memory with TLS in it (docs/memory.md), and it
is started by its socket and ends by itself, so that it mostly takes none.
"""

from __future__ import annotations

from facts.machine import MachineState
from layout import MAIL_FOLDER, PEM, WEB
from services.firewall import WEB_PORT
from services.service import Configuration, File
from settings.models import Settings
from wanted.clients import documents
from wanted.rendering import render

NAME = "mailhost-web.socket"
PORT = WEB_PORT
CONF = "/etc/mailhost/web.conf"
_UNITS = "/etc/systemd/system/mailhost-web"
#: Who holds the port, as ss(8) names it: systemd, and the server while it runs.
PROCESSES = frozenset({"systemd", "init", "lighttpd"})


def runs(settings: Settings) -> bool:
    """Whether these settings need it."""
    return settings.mail_web


def configuration(settings: Settings) -> Configuration:
    """Return the server's files and what it serves; with `mail_web` off it does not run."""
    if not runs(settings):
        return Configuration(NAME, [], runs=False)
    domain = settings.primary_domain
    service = render("web/web.service.j2", conf=CONF, mail_folder=MAIL_FOLDER)
    return Configuration(
        NAME,
        [
            File(CONF, render("web/lighttpd.conf.j2", root=WEB, pem=PEM)),
            File(f"{_UNITS}.socket", render("web/web.socket.j2")),
            File(f"{_UNITS}.service", service),
            *(File(f"{WEB}/{path}", text) for path, text in documents(settings).items()),
        ],
        check=_CHECK,
        probes=[("https", str(PORT), f"autoconfig.{domain}", "/mail/config-v1.1.xml", PEM)],
    )


# With the certificate that it will have; a first one from files is still on the stage.
_CHECK = f"""
checked=$stage{CONF}.checked
prefix=$stage
[ -e "$stage{PEM}" ] || prefix=
sed "s|{PEM}|$prefix&|" "$stage{CONF}" > "$checked"
warnings=$(lighttpd -tt -f "$checked" 2>&1 >/dev/null) ||
  fail "lighttpd refuses {CONF}: $warnings"
[ -z "$warnings" ] || fail "lighttpd warns of {CONF}: $warnings"
"""


def problems(settings: Settings, machine: MachineState) -> list[str]:
    """Return why the server cannot be switched on, one line each with its remedy."""
    found = []
    if runs(settings):
        by = machine.reachable.get(f"{PORT}/tcp", "systemd")
        if by not in PROCESSES:
            found.append(
                f"mail_web: {by or 'a web server'} has port {PORT} here already; leave it out, and "
                "let that one serve what `make web` writes"
            )
    return found
