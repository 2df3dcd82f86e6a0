#!/bin/sh
# Archive or purge the mail of removed users: retire.sh ROOT HOW:USER..., HOW is "archive" or "purge".
#
# The rename takes the mailbox out of reach at once: a user of the same name starts with an empty
# one. The folder's new name tells a run that takes over after a cut what remains to be done.
set -eu
umask 077
root=$1; shift
retiring=$root/.retiring archive=$root/.archive
mkdir -p "$retiring" "$archive"
for request; do
  how=${request%%:*} user=${request#*:}
  mailbox=$root/${user#*@}/${user%@*}
  doveadm kick "$user" || [ $? = 68 ]
  [ ! -d "$mailbox" ] || mv -T "$mailbox" "$retiring/$how:$user-$(date -u +%Y%m%dT%H%M%SZ)"
done
for folder in "$retiring"/*; do
  [ -d "$folder" ] || continue
  name=${folder##*/}
  case $name in
  archive:*)
    tar -C "$retiring" -czf "$archive/.new" "$name"
    sync "$archive/.new"
    mv -f "$archive/.new" "$archive/${name#archive:}.tar.gz"
    ;;
  esac
  rm -rf "$folder"
done
