#!/bin/sh
# Written by mailhost. Answers a certification authority's challenges (RFC 8555, section 8), run by
# uacme(1): challenge.sh begin|done|failed TYPE NAME TOKEN ANSWER. Exit code 0 takes a challenge.
set -eu
. /etc/mailhost/certificate.conf
step=$1 type=$2 name=$3 token=$4 answer=$5
record=_acme-challenge.$name

update() { # LINE
  # By TCP: no address can be forged. The key comes by file.
  printf 'server %s\nupdate %s\nsend\n' "$dns_server" "$1" |
    nsupdate -v -t 30 -k /etc/mailhost/acme-tsig.key >&2
}

# The authority asks any name server of the zone, and a secondary follows its primary later.
everywhere() {
  zone=$(dig +noall +answer +authority "$record" SOA | awk '$4 == "SOA" { print $1; exit }')
  [ "$zone" ] || return 1
  for server in $(dig +short "$zone" NS); do
    dig +short +time=3 +tries=1 "@$server" "$record" TXT | grep -qxF "\"$answer\"" || return 1
  done
}

case $answers,$type,$step in
http,http-01,begin) printf %s "$answer" > "$RUNTIME_DIRECTORY/challenges/$token" ;;
http,http-01,*) rm -f "$RUNTIME_DIRECTORY/challenges/$token" ;;
dns,dns-01,begin)
  update "add $record. 60 TXT \"$answer\""
  tries=0
  until everywhere; do
    tries=$((tries + 1))
    if [ $tries = 60 ]; then
      echo "not every name server of ${zone:-the zone} has $record after two minutes" >&2
      update "delete $record. TXT \"$answer\"" || :
      exit 1
    fi
    sleep 2
  done
  ;;
dns,dns-01,*) update "delete $record. TXT \"$answer\"" ;;
*) exit 1 ;;
esac
