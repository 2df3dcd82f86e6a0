"""
The firewall: one nftables table of our own, tried out before it is kept.

A run loads new rules together with a timer on the host that takes them back. It keeps them, for
boots as well, only after it has made a new connection to the host.
"""

from __future__ import annotations

from collections.abc import Sequence

from facts.firewall import DROP_IN, RULES, UNIT
from facts.machine import MachineState
from services.configuration import served_ports
from services.service import File, Service, given, no_effect
from settings.models import Settings
from wanted.rendering import render

NAME = "mailhost-firewall"
#: Simultaneous connections to the served ports that one address may have.
CONNECTIONS = 200


def enabled(settings: Settings) -> bool:
    """Whether the settings want it."""
    return settings.mail_firewall


def rules(settings: Settings, ssh_ports: Sequence[int], served: Sequence[int]) -> str:
    """
    Return the rules as nft(8) reads them.

    + ssh_ports: TCP ports of SSH
    + served: TCP ports of the services
    """
    chosen = sorted(each.split("/") for each in settings.mail_open_ports or ())
    return render(
        "firewall/mailhost.nft.j2",
        ssh=ssh_ports,
        mail=served,
        open={name: [port for port, its in chosen if its == name] for name in ("tcp", "udp")},
        limit=CONNECTIONS,
        challenge=settings.mail_tls.answered_by == "http",
    )


def obstacles(settings: Settings, machine: MachineState, served: Sequence[int]) -> list[str]:
    """Return why the firewall cannot be switched on, one line each with its remedy."""
    if machine.nf_tables:
        return [
            f"mail_firewall: the kernel lets nobody set up nftables here ({machine.nf_tables}); "
            "set mail_firewall = False, and use the provider's firewall"
        ]
    ours = {f"{port}/tcp" for port in (*served, *machine.ssh_ports)}
    closed = {port: by for port, by in machine.reachable.items() if port not in ours}
    if not closed or settings.mail_open_ports is not None:
        return []
    names = ", ".join(f"{port} ({by})" if by else port for port, by in closed.items())
    return [
        f"mail_firewall would close what others can reach here now: {names}; write "
        f"mail_open_ports = {list(closed)}, or of these what is to stay open, or [] for nothing"
    ]


def firewall(services: Sequence[Service]) -> Service:
    """
    Return the record of the firewall in front of the services.

    operations/firewall.py puts its files in place and judges them by facts/firewall.py.
    """
    apart = no_effect("operations/firewall.py loads the rules")
    return Service(
        NAME,
        enabled=enabled,
        packages=("nftables",),
        files=(
            File(
                RULES,
                apart,
                lambda settings, machine: rules(
                    settings, machine.ssh_ports, served_ports(services, settings)
                ),
                removed=True,
            ),
            File(
                UNIT,
                apart,
                "firewall/mailhost-firewall.service.j2",
                given(rules=RULES),
                removed=True,
            ),
            File(
                DROP_IN,
                apart,
                "firewall/nftables.service.conf.j2",
                given(rules=RULES),
                removed=True,
            ),
        ),
        obstacles=lambda settings, machine: obstacles(
            settings, machine, served_ports(services, settings)
        ),
        own_operation=True,
    )
