"""
Copy each `/home/NAME/Maildir` of a host that was set up by hand into NAME's mailbox in the primary
domain: `pyinfra inventories/prod.py tasks/import_maildirs.py`, after deploy.py.
"""

from operations import homes
from preflight import checked_settings

settings = checked_settings()

homes.import_maildirs(
    name="Mailboxes: import the Maildirs below /home",
    users=list(settings.users),
    domain=settings.primary_domain,
)
