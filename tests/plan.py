"""All that a deploy of some settings would write, without a host."""

from __future__ import annotations

from facts.system import SystemState
from operations import dns, firewall, packages, record_lists, services, zones
from operations.preflight import warnings
from settings import Settings

RELEASES = ("12", "13")


def machine(release: str) -> SystemState:
    """Return a new VPS of a Debian release."""
    return SystemState(release=release, memory=2**30, nameservers=("192.0.2.53",))


def plan(mail: Settings) -> dict[str, str]:
    """Return every file of both releases, and every zone: a name for each -> its text."""
    files = {
        f"{release}:{file.path}": file.content
        for release in RELEASES
        for configuration in services.configurations(mail, machine(release))
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
