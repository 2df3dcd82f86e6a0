"""Bring the mail of a host that was set up by hand into the mailboxes of virtual users."""

from __future__ import annotations

from collections.abc import Collection, Generator

from pyinfra import host, logger
from pyinfra.api import StringCommand, operation

from facts.homes import HomeMaildirs
from facts.shell import script
from layout import MAIL_FOLDER

# The old Maildir's copy becomes the mailbox, with its flags (file names), UIDs (dovecot-uidlist)
# and subscriptions; what has arrived in the new one since joins it and gets new UIDs. Each step is
# a rename and can be seen on disk, so that a run that is cut off is taken up by the next.
_SCRIPT = """
set -eu
umask 077
root=$1 domain=$2; shift 2
work=$root/.importing
mkdir -p "$work"
join() {
  (cd "$1" && find . -type f \\( -path '*/new/*' -o -path '*/cur/*' \\)) | while read -r file; do
    install -d -o vmail -g vmail -m 700 "$2/${file%/*}"
    mv "$1/$file" "$2/$file"
  done
  rm -rf "$1"
}
for name; do
  mailbox=$root/$domain/$name
  copy=$work/$name since=$mailbox/.since
  install -d -o vmail -g vmail -m 700 "$root/$domain" "$mailbox"
  if [ ! -d "$copy" ] && [ ! -d "$since" ]; then
    rm -rf "$copy.new"
    cp -a "/home/$name/Maildir" "$copy.new"
    chown -R vmail:vmail "$copy.new"
    chmod -R u+rwX,go= "$copy.new"
    mv -T "$copy.new" "$copy"
  fi
  doveadm kick "$name@$domain" || [ $? = 68 ]
  install -d -o vmail -g vmail -m 700 "$since"
  if [ -d "$copy" ]; then
    [ ! -d "$mailbox/Maildir" ] || join "$mailbox/Maildir" "$since"
    mv -T "$copy" "$mailbox/Maildir"
  fi
  join "$since" "$mailbox/Maildir"
  install -o vmail -g vmail -m 600 /dev/null "$mailbox/.imported"
done
"""


@operation()
def import_maildirs(users: Collection[str], domain: str) -> Generator[StringCommand, None, None]:
    """
    Copy `/home/NAME/Maildir` into the mailbox of each user of that name, flags and UIDs kept.

    + users: full addresses
    + domain: the domain of the host's Unix accounts

    The old Maildir stays as it is. An account that is no user is named and left alone.
    """
    waiting = host.get_fact(HomeMaildirs, folder=f"{MAIL_FOLDER}/{domain}")
    names = [name for name in waiting if f"{name}@{domain}" in users]
    for name in sorted(set(waiting) - set(names)):
        logger.warning(
            "%s/home/%s/Maildir is left alone: %s@%s is not in mail_users",
            host.print_prefix,
            name,
            name,
            domain,
        )
    if not names:
        host.noop("no Maildir of a user waits below /home")
        return
    yield script(_SCRIPT, MAIL_FOLDER, domain, *names)
