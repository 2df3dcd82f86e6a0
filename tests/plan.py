"""All that a deploy would write for some settings, without a host."""

from __future__ import annotations

from facts.machine import MachineState
from preflight import warnings
from services.all import ALL
from services.configuration import Configuration, configurations, wanted_packages
from settings.models import Settings
from wanted import dns, record_lists, zones

RELEASES = ("12", "13")


def vps(release: str = "13") -> MachineState:
    """Return a new VPS of a Debian release."""
    return MachineState(release=release, memory=2**30, nameservers=("192.0.2.53",), ssh_ports=(22,))


#: For tests that do not depend on the release.
VPS = vps()


def wanted(settings: Settings, machine: MachineState = VPS) -> dict[str, Configuration]:
    """Return name -> what these settings make of each service."""
    return configurations(ALL, settings, machine)


def texts(settings: Settings, machine: MachineState = VPS) -> dict[str, str | None]:
    """Return path -> text of every file of ours, None if it must not exist."""
    services = wanted(settings, machine).values()
    return {file.path: file.content for each in services for file in each.files}


def packages(settings: Settings, machine: MachineState = VPS) -> list[str]:
    """Return the Debian packages that a deploy installs."""
    return wanted_packages(ALL, settings, machine)


def plan(settings: Settings) -> dict[str, str]:
    """Return name -> text of every file of both releases, every zone, and all lists for people."""
    files = {
        f"{release}:{path}": text
        for release in RELEASES
        for path, text in texts(settings, vps(release)).items()
        if text is not None
    }
    for release in RELEASES:
        files[f"{release}:packages"] = "\n".join(packages(settings, vps(release)))
    keys = dict.fromkeys(settings.mail_domains, "MIIBIjANBgkqhkiG9w0BAQEF")
    groups, records = dns.grouped(settings, keys), dns.records(settings, keys)
    zone_files = zones.zone_files(settings, records, serial=1)
    shown = {
        "records.txt": record_lists.provider_text(settings, groups),
        "table": record_lists.table(groups),
        "notices": "\n".join(record_lists.notices(settings, keys, records)),
        "warnings": "\n".join(warnings(settings)),
    }
    return files | {f"zone:{origin}": text for origin, text in zone_files.items()} | shown
