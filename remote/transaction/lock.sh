# shellcheck shell=sh
# Waits for the end of a command that an interrupted run left behind, and keeps others out.
. ./private.sh
exec 9>/run/mailhost/lock
flock -w 600 9 || { echo "another run still works on this host after 10 minutes" >&2; exit 1; }
