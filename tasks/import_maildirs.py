"""
Copy each `/home/NAME/Maildir` of a host that was set up by hand into NAME's mailbox in the primary
domain: `pyinfra inventories/prod.py tasks/import_maildirs.py`, after deploy.py.
"""

from operations import homes
from operations.preflight import checked_settings

mail = checked_settings()

homes.import_maildirs(
    name="Mailboxes: import the Maildirs below /home",
    users=list(mail.users),
    domain=mail.primary_domain,
)
