"""
Compare hosts with how they were deployed: `pyinfra inventories/prod.py tasks/drift.py -y`
(`make drift`). Prints a table and writes build/drift/HOSTNAME.json; with MAIL_DRIFT_JSON=1 in the
environment the JSON goes to standard output in place of the table. Changes nothing.
Exit code 0: nothing drifted; 2: something did; 1: a host could not be looked at.
"""

import sys

from pyinfra import host, state
from pyinfra.api import DeployError
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.output import echo

from tasks import hosts
from tasks.drifts import run
from tasks.drifts.report import as_json, as_table

to_stdout = hosts.json_wanted("drift")
try:
    report = run.report()
    hosts.page("drift", as_json(report))
    if not to_stdout:
        echo(f"\n{as_table(report)}\n", err=True)
    hosts.ended(host.name, as_json(report), report.headline() if report.rows else "")
except PyinfraError as error:
    hosts.unseen(host.name, str(error))

if hosts.all_ended([each.name for each in state.activated_hosts]):
    for unreachable in state.failed_hosts:
        hosts.unseen(unreachable.name, "could not be reached")
    if to_stdout:
        echo(hosts.everything())
    if hosts.any_seen_failed():
        sys.exit(2)  # pyinfra's own code for every failure is 1
    if failures := hosts.failures():
        raise DeployError("\n".join(failures))
