#!/bin/sh
# Join copies of Maildirs with the mailboxes of the users: join.sh ROOT DOMAIN NAME..., with the
# program that does it on standard input.
#
# Sessions know the mailbox as it was before, so they end. What fails for one user does not keep the
# others waiting.
set -eu
root=$1 domain=$2; shift 2
program=$(cat) failed=0
as_vmail() { setpriv --reuid vmail --regid vmail --clear-groups "$@"; }
kick() { doveadm kick "$1" || [ $? = 68 ]; }
for name; do
  user=$name@$domain mailbox=$root/$domain/$name
  # Where neither is there, the Maildir was left alone, as the report says.
  as_vmail test -d "$mailbox/.importing" || as_vmail test -d "$mailbox/.since" || continue
  kick "$user" && as_vmail python3 -I -X utf8 -c "$program" "$mailbox" && kick "$user" || failed=1
done
exit "$failed"
