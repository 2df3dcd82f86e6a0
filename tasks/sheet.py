"""
Print what a user types into a mail program by hand, in English and Chinese, to standard output:
`pyinfra inventories/prod.py tasks/sheet.py`, with the user's name or address as MAIL_SHEET_USER in
the environment (`make sheet USER=alice`). It holds no password.
"""

import os

from pyinfra import host, state
from pyinfra.api import DeployError
from pyinfra.api.output import echo

from preflight import checked_settings
from tasks import hosts
from wanted.clients import sheet

failure = ""
try:
    echo(sheet(checked_settings(), os.environ.get("MAIL_SHEET_USER", "")))
except ValueError as error:
    failure = str(error)
hosts.ended(host.name, {"host": host.name}, failure)

# The run succeeds if one host has the user.
names = [each.name for each in state.activated_hosts]
if hosts.all_ended(names) and len(failures := hosts.failures()) == len(names):
    raise DeployError("\n".join(failures))
