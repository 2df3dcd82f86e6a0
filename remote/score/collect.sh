#!/bin/sh
# Wait for the message, print it in base64, then end the sink and the login:
# collect.sh UNIT USERS MARK
#
# UNIT, USERS   as open.sh has them
# MARK          text at the message's end, by which it is found
unit=$1 users=$2 mark=$3
trap 'systemctl stop -q "$unit.service"; truncate -s 0 "$users"' EXIT
looks=0
until found=$(grep -lrsF -e "$mark" "/run/$unit"); do
  looks=$((looks + 1))
  [ "$looks" -lt 200 ] && systemctl is-active -q "$unit.service" || {
    last=$(journalctl -q -n 1 -o cat -t postfix/smtp -t postfix/qmgr -t postfix/cleanup)
    echo "the message did not come out of the host; Postfix's last word: $last" >&2
    exit 1
  }
  sleep 0.1
done
base64 "$found"
