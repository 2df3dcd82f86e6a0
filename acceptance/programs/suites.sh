#!/bin/sh
# Which TLS 1.2 a host takes: suites.sh NAME PORT PROTOCOL (of openssl-s_client(1), "-" for TLS at
# once). Prints a line for each kind: what was agreed on, "-" for nothing.
set -u
begin=
[ "$3" = - ] || begin="-starttls $3"

# Usage: ask KIND CIPHERS [ARGUMENT …]
ask() {
  kind=$1 ciphers=$2
  shift 2
  # shellcheck disable=SC2086 # two words or none
  agreed=$(openssl s_client -connect "$target" $begin -tls1_2 -cipher "$ciphers:@SECLEVEL=0" "$@" \
    < /dev/null 2> /dev/null | sed -n 's/^ *Cipher *: //p')
  case $agreed in "" | 0000) agreed=- ;; esac
  echo "$kind $agreed"
}

target=$1:$2
ask modern ECDHE+AESGCM
ask modern-chacha ECDHE+CHACHA20
ask anonymous aNULL
ask kRSA kRSA
ask CBC "ECDHE:!AESGCM:!CHACHA20:!AESCCM:!CAMELLIA:!ARIA"
ask DHE kDHE
ask CAMELLIA CAMELLIA
ask ARIA ARIA:ARIAGCM
ask CCM8 AESCCM8
ask SHA1-signature ECDHE+AESGCM -sigalgs RSA+SHA1:ECDSA+SHA1
