#!/bin/sh
# Load new rules, and have the host take them back by itself: try.sh TIMER EARLIER SECONDS TAKE_BACK
#
# TIMER       unit that takes them back after SECONDS
# EARLIER     file for the table as it is now
# TAKE_BACK   what the unit runs: shell, with EARLIER as its argument
#
# Standard input is the rules.
set -eu
umask 077
. ./lock.sh
timer=$1 earlier=$2 seconds=$3 take_back=$4
cd /run/mailhost
# The service as well: it may wait for the lock that this command holds.
systemctl stop "$timer.timer" "$timer.service" 2>/dev/null || true
if [ -e "$earlier" ]; then nft -f "$earlier"; rm "$earlier"; fi
cat > firewall.new
if ! said=$(nft -c -f firewall.new 2>&1); then
  echo "nft refuses the firewall's rules, none were changed; set mail_firewall = False to do" \
    "without: $said" >&2
  exit 1
fi
printf 'table inet mailhost\ndelete table inet mailhost\n' > firewall.tmp
nft -s -t list table inet mailhost 2>/dev/null >> firewall.tmp || true
mv firewall.tmp "$earlier"
# The timer comes first: nothing has been loaded that it would not take back. This command came by
# an established connection, which no rules cut off.
systemd-run -q --collect --unit="$timer" --description="Takes the new firewall rules back" \
  --on-active="$seconds" --timer-property=AccuracySec=100ms sh -euc "$take_back" mailhost "$earlier"
nft -f firewall.new
