"""`make check` as the tests run it: the CLI's JSON, and DNS that everything is right in."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acceptance.support import cli
from acceptance.support.mailhost import MailHost
from testbed.command_line import data_arguments
from testbed.inventory import HOSTNAME, ROOT
from testbed.progress import only_one

NAME_SERVER = "ns.world.test"  # the peer's BIND
BLOCKLIST = "bl.test"


@dataclass(frozen=True)
class CheckRun:
    """One run of tasks/check.py: exit code, what it printed, the report of each host."""

    code: int
    output: str
    reports: list[dict[str, Any]]

    def ids(self, status: str = "failed") -> set[str]:
        """Return the ids of what ended so, on any host."""
        return {
            finding["id"]
            for report in self.reports
            for finding in report["findings"]
            if finding["status"] == status
        }

    def findings(self, id: str) -> list[dict[str, str]]:
        """Return the findings of one check, on all hosts."""
        return [
            finding
            for report in self.reports
            for finding in report["findings"]
            if finding["id"] == id
        ]


def run_check(command: Sequence[str], trusted: Path | None = None) -> CheckRun:
    """
    Run tasks/check.py and return its JSON.

    + command: of the CLI, as MailHost.command makes it for one inventory
    + trusted: certificate of an authority that this machine trusts, instead of its own
    """
    authority = {"SSL_CERT_FILE": str(trusted)} if trusted else {}
    with only_one("acceptance-check"):  # every target has the same host name, so the same files
        environment = {**os.environ, "MAIL_CHECK_JSON": "1", **authority}
        done = cli.run(command, environment, timeout=60)
        reports = json.loads(done.stdout) if done.stdout else []
        if len(reports) == 1 and "findings" in reports[0]:
            written = ROOT / f"build/check/{reports[0]['host']}.json"
            assert json.loads(written.read_text()) == reports[0]
    return CheckRun(done.returncode, done.stderr, reports)


def check(host: MailHost, **data: Any) -> CheckRun:
    """Check a host by the peer's BIND; `data` replaces keys of the inventory."""
    world = {
        "mail_check_resolver": host.peer.address,
        "mail_check_outbound": f"{host.peer.address}:25",
        "mail_blocklists": [BLOCKLIST],
        **data,
    }
    return run_check(host.command("tasks/check.py", "-y", *data_arguments(world)))


def publish(host: MailHost) -> dict[str, str]:
    """Serve all records of a host by the peer's BIND, the reverse name too; return the zones."""
    _, texts = host.dns()
    zones = {
        origin: with_name_server(text)
        for origin, text in texts.items()
        if not origin.endswith(".arpa")
    }
    for origin, text in zones.items():
        host.peer.load_zone(origin, text)
    for origin in texts.keys() - zones.keys():  # would hide the peer's, which is larger
        host.peer.exec("rm", "-f", f"/etc/bind/zones/{origin}")
    host.peer.name_address(host.target.address, HOSTNAME)
    host.peer.load_zone(BLOCKLIST, "nothing A 127.0.0.1\n")
    return zones


def with_name_server(zone: str) -> str:
    """Return a zone with the peer's BIND as its name server."""
    return re.sub(r"(?m)^@ IN NS .*$", f"@ IN NS {NAME_SERVER}.", zone)
