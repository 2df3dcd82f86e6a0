#!/bin/sh
# First half of a transaction: stage the new files, check them, keep the present ones, replace
# them: replace.sh KEPT CHECKS PATH...
#
# KEPT     folder for the files as they were, see operations/transaction.py
# CHECKS   shell commands that judge the files below "$stage", and call `fail` with what is wrong
# PATH     a file that changes; one that is not among the new files is removed
#
# Standard input is the new files, as many as the checks need, as base64 of a tar.gz.
set -eu
umask 077
. ./lock.sh
. ./put_back.sh
kept=$1 good=${1%/*}/good checks=$2; shift 2

# Below /etc, so that each mv is a rename on one file system: a reader sees the old file or the new
# one, never half of one.
rm -rf /etc/.mailhost.*
stage=$(mktemp -d /etc/.mailhost.XXXXXX)
checking=
ended() {
  [ "$?" = 0 ] || [ -z "$checking" ] || [ -e "$stage/.failed" ] ||
    echo "A service's checker failed and did not say why. Nothing was replaced." >&2
  rm -rf "$stage"
}
trap ended EXIT
chmod 755 "$stage"

fail() { # SENTENCE
  : > "$stage/.failed"
  echo "$*" | sed "s|$stage||g" >&2
  echo "Nothing was replaced: the services keep the configuration they had." >&2
  exit 1
}

umask 022
base64 -d | tar -xzm -C "$stage" || fail "the new configuration did not arrive whole"
# Postfix's programs wait up to two seconds for a file that changed just now, because its writer may
# not be done. These files are whole when they get their names. Other files keep their time: systemd
# takes a drop-in that is older than its last reload for one that it knows.
[ ! -d "$stage/etc/postfix" ] ||
  find "$stage/etc/postfix" -type f -exec touch -d "3 seconds ago" {} +

checking=yes
eval "$checks"
checking=

for path; do
  [ ! -d "$path" ] || fail "$path is a folder, a file belongs there: move it away"
done
if [ ! -d "$kept" ]; then
  mkdir -p "${kept%/*}"
  chmod 700 "${kept%/*}"
  # The configuration of a host that an older version of ours deployed is good.
  [ -e "$good" ] || ! grep -qs '^# Written by mailhost' /etc/postfix/main.cf || : > "$good"
  mkdir "$kept"
fi

# Each copy is whole when it gets its name. What a run that was cut off has kept stays: the way back
# leads to the last good configuration, not to the one in between.
keep() { # PATH
  if [ -e "$kept/present$1" ] || [ -e "$kept/absent$1" ]; then return; fi
  if [ -e "$1" ] || [ -L "$1" ]; then
    mkdir -p "$kept/present${1%/*}" && cp -a "$1" "$kept/.new" && mv "$kept/.new" "$kept/present$1"
  else
    mkdir -p "$kept/absent${1%/*}" && : > "$kept/absent$1"
  fi
}

for path; do
  keep "$path" || fail "$path can't be kept below $kept"
done
sync -f "$kept"

replace() { # PATH
  if [ -e "$stage$1" ]; then
    mkdir -p "${1%/*}" && mv -f "$stage$1" "$1"
  else
    rm -f "$1"
  fi
}

for path; do
  replace "$path" || {
    [ ! -e "$good" ] || put_back "$kept" ||
      echo "$kept has the files as they were: copy them back" >&2
    echo "$path can't be replaced: the services keep the configuration they had." >&2
    exit 1
  }
done
