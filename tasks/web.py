"""
Write what a web server has to serve for mail programs and for MTA-STS to build/web/HOSTNAME/, one
folder for each name: `pyinfra inventories/prod.py tasks/web.py` (`make web`). For a web server of
yours; with `mail_web` the host itself serves the same.
"""

import shutil
from pathlib import Path

from pyinfra.api.output import echo

from preflight import checked_settings
from wanted.clients import documents

settings = checked_settings()
folder = Path("build/web") / settings.mail_hostname
shutil.rmtree(folder, ignore_errors=True)
for path, text in documents(settings).items():
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(text)
    echo(f"https://{path}", err=True)
echo(
    f"\nEach folder of {folder} is the root of a site of that name, in DNS and in its certificate. "
    "Outlook asks by POST, which has to be answered as GET is; *.mobileconfig is of the type "
    "application/x-apple-aspen-config, and the MTA-STS policy of text/plain, without a redirect.",
    err=True,
)
