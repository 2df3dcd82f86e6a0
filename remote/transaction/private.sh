# shellcheck shell=sh
# Root's own folder for locks and stamps. An earlier version let every account open the folder, and
# who holds one of those locks may hold it for ever: a run of that version has 30 seconds to end, then
# new files take the place of its locks.
mkdir -p /run/mailhost
chmod 700 /run/mailhost
[ -z "$(find /run/mailhost -name lock -perm /077)" ] || flock -w 30 /run/mailhost/lock true || :
find /run/mailhost -name '*lock' -perm /077 -delete
chmod -R go= /run/mailhost
(umask 077; : >> /run/mailhost/lock; : >> /run/mailhost/firewall.lock)
