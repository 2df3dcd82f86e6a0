#!/bin/sh
# Take our table away, and what loads it: remove.sh TIMER FILE...
set -eu
umask 022
. ./lock.sh
timer=$1; shift
systemctl stop "$timer.timer" "$timer.service" 2>/dev/null || true
systemctl disable -q --now mailhost-firewall.service 2>/dev/null || true
nft delete table inet mailhost 2>/dev/null || true
rm -f "$@"
systemctl daemon-reload
