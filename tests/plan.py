"""All that a deploy of some settings would write, without a host."""

from __future__ import annotations

from facts.machine import MachineState
from preflight import warnings
from services import firewall, packages
from services.all import configurations
from settings.models import Settings
from wanted import dns, record_lists, zones

RELEASES = ("12", "13")


def machine(release: str) -> MachineState:
    """Return a new VPS of a Debian release."""
    return MachineState(release=release, memory=2**30, nameservers=("192.0.2.53",))


def plan(mail: Settings) -> dict[str, str]:
    """Return every file of both releases, and every zone: a name for each -> its text."""
    files = {
        f"{release}:{file.path}": file.content
        for release in RELEASES
        for configuration in configurations(mail, machine(release))
        for file in configuration.files
        if file.content is not None
    }
    files["firewall"] = firewall.rules(mail, (22,)) or ""
    for release in RELEASES:
        files[f"{release}:packages"] = "\n".join(packages.wanted(mail, machine(release)))
    keys = dict.fromkeys(mail.mail_domains, "MIIBIjANBgkqhkiG9w0BAQEF")
    groups, wanted = dns.grouped(mail, keys), dns.records(mail, keys)
    zone_files = zones.zone_files(mail, wanted, serial=1)
    shown = {
        "records.txt": record_lists.provider_text(mail, groups),
        "table": record_lists.table(groups),
        "notices": "\n".join(record_lists.notices(mail, keys, wanted)),
        "warnings": "\n".join(warnings(mail)),
    }
    return files | {f"zone:{origin}": text for origin, text in zone_files.items()} | shown
