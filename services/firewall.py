"""
The firewall: one nftables table of our own, tried out before it is kept.

New rules are loaded with a timer on the host that takes them back. They are kept, and loaded at
boot, only after the run has come in by a new connection.
"""

from __future__ import annotations

from facts.firewall import DROP_IN, RULES, UNIT
from facts.machine import MachineState
from services.service import File
from settings.models import Settings
from wanted.rendering import render

#: What Postfix and Dovecot serve.
MAIL_PORTS = (25, 110, 143, 465, 587, 993, 995)
#: Where services/web.py serves.
WEB_PORT = 443
#: Connections to them at the same time, by one address.
CONNECTIONS = 200


def runs(settings: Settings) -> bool:
    """Whether these settings need it."""
    return settings.mail_firewall


def served(settings: Settings) -> tuple[int, ...]:
    """Return the TCP ports that these settings serve."""
    return (*MAIL_PORTS, WEB_PORT) if settings.mail_web else MAIL_PORTS


def rules(settings: Settings, ssh_ports: tuple[int, ...]) -> str | None:
    """
    Return the rules as nft(8) reads them; None with `mail_firewall` off.

    + ssh_ports: where SSH comes in
    """
    if not runs(settings):
        return None
    chosen = sorted(each.split("/") for each in settings.mail_open_ports or ())
    return render(
        "firewall/mailhost.nft.j2",
        ssh=ssh_ports,
        mail=served(settings),
        open={name: [port for port, its in chosen if its == name] for name in ("tcp", "udp")},
        limit=CONNECTIONS,
        challenge=settings.mail_tls.answered_by == "http",
    )


def files(rules: str | None) -> list[File]:
    """Return the files that keep the rules over a reboot, the rules first; none for None."""
    if rules is None:
        return [File(path, None) for path in (RULES, UNIT, DROP_IN)]
    unit = render("firewall/mailhost-firewall.service.j2", rules=RULES)
    drop_in = render("firewall/nftables.service.conf.j2", rules=RULES)
    return [File(RULES, rules), File(UNIT, unit), File(DROP_IN, drop_in)]


def problems(settings: Settings, machine: MachineState) -> list[str]:
    """Return why the firewall cannot be switched on, one line each with its remedy."""
    if not runs(settings):
        return []
    if machine.nf_tables:
        return [
            f"mail_firewall: the kernel lets nobody set up nftables here ({machine.nf_tables}); "
            "set mail_firewall = False, and use the provider's firewall"
        ]
    ours = {f"{port}/tcp" for port in (*served(settings), *machine.ssh_ports)}
    closed = {port: by for port, by in machine.reachable.items() if port not in ours}
    if not closed or settings.mail_open_ports is not None:
        return []
    names = ", ".join(f"{port} ({by})" if by else port for port, by in closed.items())
    return [
        f"mail_firewall would close what others can reach here now: {names}; write "
        f"mail_open_ports = {list(closed)}, or of these what is to stay open, or [] for nothing"
    ]
