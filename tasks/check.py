"""
Check hosts from outside, as the rest of the world sees them, and from inside: `pyinfra
inventories/prod.py tasks/check.py -y` (`make check`). Prints a table, and writes
build/check/HOSTNAME.html and .json; with MAIL_CHECK_JSON=1 in the environment the JSON goes to
standard output in place of the table. Changes nothing. Exit code 1 where a required check failed.
"""

import os
import sys

from pyinfra import host, state
from pyinfra.api import DeployError
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.output import echo

from preflight import checked_settings
from tasks import hosts
from tasks.checks import run
from tasks.checks.report import as_html, as_json, as_table

to_stdout = hosts.json_wanted("check")
try:
    report = run.report(checked_settings())
    page = hosts.page("check", as_json(report)).with_suffix(".html")
    page.write_text(as_html(report))
    if not to_stdout:
        colour = sys.stderr.isatty() and "NO_COLOR" not in os.environ
        echo(f"\n{as_table(report, colour)}\nThe same as a page: {page}\n", err=True)
    hosts.ended(host.name, as_json(report), report.failure())
except PyinfraError as error:
    hosts.unseen(host.name, str(error))

if hosts.all_ended([each.name for each in state.activated_hosts]):
    if to_stdout:
        echo(hosts.everything())
    if failures := hosts.failures():
        raise DeployError("\n".join(failures))
