"""`make drift` as the tests run it: the CLI's JSON."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acceptance.support import cli
from acceptance.support.mailhost import MailHost
from testbed.command_line import data_arguments
from testbed.inventory import HOSTNAME, ROOT
from testbed.progress import only_one


@dataclass(frozen=True)
class DriftRun:
    """One run of tasks/drift.py: exit code, what it printed, each host's report by its name."""

    code: int
    output: str
    reports: dict[str, Any]


def look(host: MailHost, inventory: Path | None = None, **data: Any) -> DriftRun:
    """Run tasks/drift.py and return its JSON."""
    with only_one("acceptance-drift"):  # every target has the same host name, so the same file
        command = host.command("tasks/drift.py", "-y", *data_arguments(data), inventory=inventory)
        done = cli.run(command, {**os.environ, "MAIL_DRIFT_JSON": "1"}, timeout=60)
        reports = {each["host"]: each for each in json.loads(done.stdout)} if done.stdout else {}
        if "drift" in reports.get(HOSTNAME, {}):
            written = ROOT / f"build/drift/{HOSTNAME}.json"
            assert json.loads(written.read_text()) == reports[HOSTNAME]
    assert "Traceback" not in done.stderr
    return DriftRun(done.returncode, done.stderr, reports)
