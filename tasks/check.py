"""
Look at hosts as the rest of the world sees them, and from inside: `pyinfra inventories/prod.py
tasks/check.py -y` (`make check`). Prints a table, and writes build/check/HOSTNAME.html and .json;
with MAIL_CHECK_JSON=1 in the environment the JSON goes to standard output in place of the table.
Changes nothing. Exit code 1 where a required check failed.
"""

import json
import os
import sys
from pathlib import Path

from pyinfra import host, state
from pyinfra.api import DeployError
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.output import echo

from operations.preflight import checked_settings
from tasks.checks import hosts, run
from tasks.checks.report import as_html, as_json, as_table

to_stdout = os.environ.get("MAIL_CHECK_JSON") == "1"
try:
    report = run.report(checked_settings())
    folder = Path("build/check")
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / f"{report.host}.html"
    page.write_text(as_html(report))
    page.with_suffix(".json").write_text(json.dumps(as_json(report), indent=2, ensure_ascii=False))
    if not to_stdout:
        colour = sys.stderr.isatty() and "NO_COLOR" not in os.environ
        echo(f"\n{as_table(report, colour)}\nThe same as a page: {page}\n", err=True)
    hosts.ended(host.name, report)
except PyinfraError as error:
    hosts.ended(host.name, str(error))

if hosts.all_ended([each.name for each in state.activated_hosts]):
    if to_stdout:
        echo(hosts.everything())
    if failures := hosts.failures():
        raise DeployError("\n".join(failures))
