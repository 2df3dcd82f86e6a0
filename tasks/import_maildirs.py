"""
Copy each `/home/NAME/Maildir` into NAME's mailbox in the primary domain, on a host that was set up
by hand: `pyinfra inventories/prod.py tasks/import_maildirs.py`, after deploy.py.
"""

from operations import homes
from preflight import checked_settings

settings = checked_settings()

homes.import_maildirs(
    name="Mailboxes: import the Maildirs below /home",
    users=list(settings.users),
    domain=settings.primary_domain,
)
