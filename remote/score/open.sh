#!/bin/sh
# Start a sink for one message, and let a login in while it runs: open.sh UNIT USERS PORT
#
# UNIT    transient unit; its runtime folder, which has the message, bears its name too
# USERS   passwd-file of that login
# PORT    where the sink listens, on the loopback
#
# Standard input is the login's line.
set -eu
unit=$1 users=$2 port=$3
fail() { echo "$*" >&2; exit 1; }
[ -f "$users" ] || fail "this host was not deployed, or not by this version: run deploy.py first"
! systemctl is-active -q "$unit.service" || fail "another score is on its way here: wait a minute"
[ -z "$(ss -Hltn "src 127.0.0.1:$port")" ] ||
  fail "127.0.0.1:$port is taken on the host: find by whom with ss -ltnp"
systemd-run -q --collect --unit="$unit" \
  -p DynamicUser=yes -p RuntimeDirectory="$unit" -p RuntimeDirectoryMode=700 \
  -p RuntimeMaxSec=60 -p ExecStopPost="+/usr/bin/truncate -s 0 $users" \
  /usr/sbin/smtp-sink -d "/run/$unit/message." "127.0.0.1:$port" 10
until [ -n "$(ss -Hltn "src 127.0.0.1:$port")" ] && systemctl is-active -q "$unit.service"; do
  systemctl is-active -q "$unit.service" ||
    fail "the sink did not start: $(journalctl -q -n 1 -o cat _COMM=smtp-sink)"
  sleep 0.05
done
# The login comes last, and only while the sink runs: the sink's end is the login's end.
cat > "$users"
systemctl is-active -q "$unit.service" || { truncate -s 0 "$users"; fail "the sink has ended"; }
