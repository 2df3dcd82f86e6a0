#!/bin/sh
# Written by mailhost. The certificate of the mail services, from a certification authority or from
# other files on this host: certificate.sh due | renew | reload.
#
# due prints why another one has to be put in place, or nothing. renew does it where it is due: what
# is obtained is checked before it replaces anything. reload makes Postfix and Dovecot serve what is
# on disk; neither closes a session for it.
set -eu
umask 077
. /etc/mailhost/certificate.conf
pem=/etc/ssl/mail/mail.pem
state=/var/lib/mailhost-certificate
library=/usr/local/lib/mailhost

fail() {
  echo "$*" >&2
  exit 1
}

# ---- whether one is due ------------------------------------------------------------------------
field() { # startdate|enddate
  date -d "$(openssl x509 -in "$pem" -noout "-$1" | cut -d = -f 2)" +%s
}

is_for() { # NAME
  openssl x509 -in "$pem" -noout -ext subjectAltName 2>/dev/null | tr , '\n' |
    grep -qxE " *DNS:$(echo "$1" | sed 's/[.]/[.]/g')"
}

belong_together() { # KEY CERTIFICATE
  public=$(openssl pkey -in "$1" -pubout 2>/dev/null) &&
    [ "$public" = "$(openssl x509 -in "$2" -noout -pubkey 2>/dev/null)" ]
}

# Where it is from stands in its own file, so that the two are never at odds.
mark() {
  if [ "$from" = authority ]; then echo "# Issued by $directory"; else echo "# From $cert"; fi
}

due() {
  if ! belong_together "$pem" "$pem"; then
    echo "there is no certificate with its key"
  elif ! grep -qxF "$(mark)" "$pem"; then
    echo "the present one is not $(mark | sed 's/^# //; s/^Issued by/from/; s/^From/from/')"
  elif [ "$from" = files ]; then
    { openssl pkey -in "$key" && cat "$cert" && mark; } 2>/dev/null | cmp -s - "$pem" ||
      echo "$cert and $key are others"
  else
    for name in $names; do
      is_for "$name" || { echo "the present one is not for $name"; return; }
    done
    begin=$(field startdate) end=$(field enddate) now=$(date +%s)
    # A third of the lifetime: 30 of 90 days, 2 of 6, as Let's Encrypt advises.
    if [ $(((end - now) * 3)) -lt $((end - begin)) ]; then
      echo "the present one ends on $(date -u -d "@$end" '+%Y-%m-%d %H:%M') UTC"
    elif [ -e "$state/renew" ]; then
      echo "$state/renew asks for it"
    fi
  fi
}

# ---- from a certification authority ----------------------------------------------------------------
uacme_() {
  timeout 300 uacme -a "$directory" -c "$account" "$@"
}

register() {
  [ ! -e "$account/registered" ] || return 0
  mkdir -p "$account"
  if [ "$eab_kid" ]; then
    python3 -IS $library/account.py "$directory" "$account/private/key.pem" "$email" "$eab_kid" \
      < /etc/mailhost/acme-eab.key || return
  else
    # An account that is there already: the last run was cut off in between.
    uacme_ -y -t EC new ${email:+"$email"} > "$work/new" 2>&1 ||
      grep -q 'Account already exists' "$work/new" || { cat "$work/new"; return 1; }
  fi
  touch "$account/registered"
}

order() {
  case $answers in
  http)
    mkdir -p "$RUNTIME_DIRECTORY/challenges"
    # Open for as long as it takes, and by the kernel's clock no longer, whatever becomes of us.
    ! nft list set inet mailhost challenge > "$work/set" 2>&1 ||
      nft add element inet mailhost challenge '{ 80 timeout 15m }' || return
    code=0
    python3 -IS $library/responder.py "$RUNTIME_DIRECTORY/challenges" \
      timeout 300 uacme -a "$directory" -c "$account" -h $library/challenge.sh \
      issue "$work/mail.csr" || code=$?
    nft delete element inet mailhost challenge '{ 80 }' 2>> "$work/set" || :
    return $code
    ;;
  dns) uacme_ -h $library/challenge.sh issue "$work/mail.csr" ;;
  hook) uacme_ -h /etc/mailhost/acme-hook issue "$work/mail.csr" ;;
  esac
}

forgotten() { # by an authority that lost its accounts, or closed ours
  grep -q 'no account associated' "$work/said" && rm "$account/registered"
}

refusals() { # what the authority said; nothing where it said nothing
  sed -n 's/^ *"detail": "\(.*\)",\{0,1\}$/\1/p' "$work/said" | sed 's/\\"/"/g' | sort -u |
    paste -s -d ' '
}

last_words() { # what went wrong on the way there, else of what answers the authority, else the client's
  sed -n 's/^uacme: curl_[a-z]*: \(.* failed: .*\)/\1/p' "$work/said" | tail -n 1 | grep . ||
    grep -v '^uacme: ' "$work/said" | grep . | tail -n 1 | grep . ||
    tail -n 1 "$work/said"
}

obtain() {
  account=$state/$(printf '%s\n' "$directory" "$email" "$eab_kid" | sha256sum | cut -c 1-16)
  if [ "$reuse_key" ] && openssl ec -in "$pem" -noout 2>/dev/null; then
    openssl pkey -in "$pem" -out "$work/key"
  else
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/key"
  fi
  alternative=$(printf ',DNS:%s' $names)
  openssl req -new -key "$work/key" -subj "/CN=${names%% *}" \
    -addext "subjectAltName=${alternative#,}" -out "$work/mail.csr"
  if { register && order; } > "$work/said" 2>&1 ||
    { forgotten && { register && order; } > "$work/said" 2>&1; }; then
    mv "$work/mail-cert.pem" "$work/chain"
    return
  fi
  cat "$work/said" >&2
  case $answers in
  http) remedy="port 80 of each name must lead here from everywhere" ;;
  dns) remedy="${dns_server% *} must take updates of _acme-challenge below each name by dns_key" ;;
  hook) remedy="mail_tls.hook must answer for each name" ;;
  esac
  why=$(refusals)
  if [ -z "$why" ]; then
    why=$(last_words)
    case $why in
    *" failed: "* | "no account "*) remedy="see that the host reaches it by HTTPS, and mail_tls" ;;
    "port 80 "*) remedy= ;;
    esac
  fi
  fail "No certificate for $(echo $names | sed 's/ /, /g') from $directory:" \
    "$why${remedy:+: $remedy}. The services keep the certificate they have, and" \
    "mailhost-certificate.timer tries again twice a day."
}

# ---- putting it in place ---------------------------------------------------------------------------
fault() { # KEY CHAIN: print what is wrong with them
  belong_together "$1" "$2" || { echo "the key is not the certificate's"; return; }
  # Each has to be issued by the next, up to the last; whom clients trust is their affair.
  awk '/-----BEGIN/ { text = "" } { text = text $0 "\n" } END { printf "%s", text }' "$2" > "$work/last"
  for name in $names; do
    verdict=$(openssl verify -partial_chain -trusted "$work/last" -untrusted "$2" \
      -purpose sslserver -verify_hostname "$name" "$2" 2>&1) ||
      { echo "for $name: $verdict" | sed -n 's/^\(for .*\)/\1/p; s/^error .*: //p' | tr '\n' ' '; return; }
  done
}

place() { # KEY CHAIN
  wrong=$(fault "$1" "$2")
  [ -z "$wrong" ] || fail "The new certificate is not put in place: $wrong"
  mkdir -p /run/mailhost
  exec 9> /run/mailhost/lock
  flock -w 600 9 || fail "another run still works on this host after 10 minutes"
  aside=$(mktemp -d "${pem%/*}/.new.XXXXXX")
  { openssl pkey -in "$1" && cat "$2" && mark; } > "$aside/pem"
  sync "$aside/pem"
  mv -f "$aside/pem" "$pem"
  rmdir "$aside"
  rm -f "$state/renew"
}

renew() {
  why=$(due)
  [ -n "$why" ] || return 0
  echo "another certificate, since $why"
  rm -rf "$state"/new.*
  work=$(mktemp -d "$state/new.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  if [ "$from" = authority ]; then
    obtain
    place "$work/key" "$work/chain"
  else
    # Who writes one file after the other is not done yet.
    for _ in 1 2 3 4 5 6 7 8 9 10; do
      ! belong_together "$key" "$cert" || break
      sleep 1
    done
    place "$key" "$cert"
  fi
  openssl x509 -in "$pem" -noout -serial -issuer -enddate
}

# ---- serving it ------------------------------------------------------------------------------------
# The stamps are those of facts/services.py: what was reloaded since the change is left alone.
serves() { # SERVICE UNIT
  started=$(systemctl show --timestamp=utc -P InactiveExitTimestamp "$2")
  [ -z "$(find "$pem" -newerct "$started")" ] ||
    { [ -e "/run/mailhost/$1" ] && [ -z "$(find "$pem" -newercm "/run/mailhost/$1")" ]; }
}

reload() {
  mkdir -p /run/mailhost
  for service in dovecot postfix; do
    unit=$service.service
    # Debian 12: what holds Postfix's processes.
    [ $service = dovecot ] || ! systemctl is-active -q postfix@-.service || unit=postfix@-.service
    systemctl is-active -q $unit || continue
    serves $service $unit || { touch "/run/mailhost/$service"; systemctl reload $unit; }
  done
}

case ${1-} in
due | renew | reload) "$1" ;;
*) fail "usage: certificate.sh due | renew | reload" ;;
esac
