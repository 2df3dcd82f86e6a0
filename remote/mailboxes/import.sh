#!/bin/sh
# Copy each /home/NAME/Maildir into the mailbox of the user of that name: import.sh ROOT DOMAIN NAME...
#
# The copy becomes the mailbox, with its flags (file names), UIDs (dovecot-uidlist) and
# subscriptions. Mail that has come into the new mailbox meanwhile joins it and gets new UIDs. Each
# step is a rename and can be seen on disk, so that the next run takes up one that was cut off.
set -eu
umask 077
root=$1 domain=$2; shift 2
work=$root/.importing
mkdir -p "$work"
join() {
  (cd "$1" && find . -type f \( -path '*/new/*' -o -path '*/cur/*' \)) | while read -r file; do
    install -d -o vmail -g vmail -m 700 "$2/${file%/*}"
    mv "$1/$file" "$2/$file"
  done
  rm -rf "$1"
}
for name; do
  mailbox=$root/$domain/$name
  copy=$work/$name since=$mailbox/.since
  install -d -o vmail -g vmail -m 700 "$root/$domain" "$mailbox"
  if [ ! -d "$copy" ] && [ ! -d "$since" ]; then
    rm -rf "$copy.new"
    cp -a "/home/$name/Maildir" "$copy.new"
    chown -R vmail:vmail "$copy.new"
    chmod -R u+rwX,go= "$copy.new"
    mv -T "$copy.new" "$copy"
  fi
  doveadm kick "$name@$domain" || [ $? = 68 ]
  install -d -o vmail -g vmail -m 700 "$since"
  if [ -d "$copy" ]; then
    [ ! -d "$mailbox/Maildir" ] || join "$mailbox/Maildir" "$since"
    mv -T "$copy" "$mailbox/Maildir"
  fi
  join "$since" "$mailbox/Maildir"
  install -o vmail -g vmail -m 600 /dev/null "$mailbox/.imported"
done
