#!/bin/sh
# Second half of a transaction: make the services run what is on disk, ask them, and either confirm
# or go back: activate.sh KEPT PROBES STAMPS UNITS WORD...
#
# KEPT     folder with the files as they were, see operations/transaction.py
# PROBES   lines for the program that asks the services
# STAMPS   folder with the time of each service's last reload by us
# UNITS    all units that have files of ours
# WORD     "step=ACTION NAME UNIT", or "back=NAME UNIT ACTION PATH ACTION PATH ...": a service's
#          files, and what it needs where one of them is put back
#
# Standard input is the program that asks the services, as base64 of a tar.gz.
set -u
. ./lock.sh
. ./put_back.sh
. ./printable.sh
kept=$1 good=${1%/*}/good wanted=$2 stamps=$3 units=$4; shift 4
program=$(mktemp -d)
trap 'rm -rf "$program"' EXIT
base64 -d | tar -xzm -C "$program"
mkdir -p "${kept%/*}"
chmod 700 "${kept%/*}"
began=$(date +%s)
rewired=
# The links of a service's old init script mean nothing beside its unit, and cost three reloads.
export SYSTEMCTL_SKIP_SYSV=1

journal() {
  # By tag as well: a line belongs to no unit if its process ended before journald looked it up.
  case $1 in postfix*) tag=postfix/master ;; *) tag=${1%.*} ;; esac
  # A service that systemd starts again and again writes some ten lines each time.
  journalctl -q --no-pager -o cat -n 20 --since "@$began" \
    "_SYSTEMD_UNIT=$1" + _PID=1 "UNIT=$1" + "SYSLOG_IDENTIFIER=$tag" | printable | sed "s|^|  $1: |" >&2
}

settle() { # reload systemd once for all that was enabled or disabled
  [ -z "$rewired" ] || systemctl daemon-reload
  rewired=
}

whole() { case $1 in *.socket | *.timer | *.path) echo "$1" ;; *) echo "$1.service" ;; esac }

act() { # ACTION NAME UNIT
  echo "$1 $3"
  set -- "$1" "$2" "$3" "$(whole "$2")"
  case $1 in
  enable)
    case $(systemctl is-enabled "$4" 2>/dev/null) in masked*) systemctl unmask -q "$4" ;; esac
    rewired=yes
    systemctl enable -q --no-reload "$4"
    ;;
  disable) rewired=yes; systemctl disable -q --no-reload --now "$4" ;;
  # The stamp is made before the reload: a file that changes in between is newer than the stamp.
  reload) (umask 077; touch "$stamps/$2"); systemctl reload "$3" ;;
  *)
    # The wrapper of Debian 12's Postfix has to be up as well.
    systemctl reset-failed "$3" 2>/dev/null
    systemctl "$1" "$4" "$3"
    ;;
  esac || { journal "$3"; return 1; }
}

probe() { # LINES
  faulty=$(cd "$program" && printf '%s\n' "$1" | python3 -B -E -m probe) && return
  for unit in $faulty; do journal "$unit"; done
  return 1
}

forward() {
  # It takes a third of a second of one core: only where a unit changed, now or in a run that was
  # cut off.
  # shellcheck disable=SC2086 # words: the units
  ! systemctl show -P NeedDaemonReload $units | grep -q yes || systemctl daemon-reload
  for word; do
    # shellcheck disable=SC2086 # words: ACTION NAME UNIT
    case $word in step=*) act ${word#step=} || return ;; esac
  done
  settle
  probe "$wanted"
}

revert() { # NAME UNIT, then ACTION PATH for what it reads
  name=$1 unit=$2 action=; shift 2
  while [ $# -gt 0 ]; do
    if [ -e "$kept/present$2" ] || [ -e "$kept/absent$2" ]; then
      [ "$action" = restart ] || action=$1
    fi
    shift 2
  done
  if [ -s "$good" ] && ! grep -q "^$name " "$good"; then
    rewired=yes
    systemctl disable -q --no-reload --now "$(whole "$name")" 2>/dev/null
    return
  fi
  # After a version of ours that kept no list in $good, only systemd knows what ran.
  [ -s "$good" ] || systemctl is-enabled -q "$(whole "$name")" || return
  systemctl is-enabled -q "$(whole "$name")" || act enable "$name" "$unit"
  systemctl is-active -q "$unit" || action=start
  [ -z "$action" ] || act "$action" "$name" "$unit"
}

back() {
  put_back "$kept" || { echo "$kept has the files as they were: copy them back" >&2; return 1; }
  systemctl daemon-reload
  for word; do
    # shellcheck disable=SC2086 # words, as revert takes them
    case $word in back=*) revert ${word#back=} ;; esac
  done
  settle
  probe "$(cat "$good")"
}

confirm() {
  rm -rf "$kept.gone"
  [ ! -d "$kept" ] || mv "$kept" "$kept.gone"
  rm -rf "$kept.gone"
}

if forward "$@"; then
  printf '%s\n' "$wanted" > "$good.new" && mv -f "$good.new" "$good"
  confirm
  exit 0
fi
if [ ! -d "$kept" ]; then
  echo "No file had been replaced: there is nothing to go back to." >&2
elif [ ! -e "$good" ]; then
  echo "This host had no configuration of ours to go back to: the new one stays in place." >&2
elif back "$@"; then
  confirm
  echo "The earlier configuration is back, and answers." >&2
else
  echo "The earlier configuration is back, and does not answer either: see above." >&2
fi
exit 1
