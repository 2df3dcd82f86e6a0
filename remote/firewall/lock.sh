# shellcheck shell=sh
# Whatever loads or unloads the table holds this lock.
. ../transaction/private.sh
exec 8>/run/mailhost/firewall.lock
flock -w 60 8 || { echo "another run has been changing the firewall for a minute" >&2; exit 1; }
