#!/bin/sh
# Make a self-signed certificate: self_signed.sh PEM NAME NAMES DAYS
#
# NAME    common name
# NAMES   as openssl's subjectAltName takes them: DNS:NAME,...
#
# The key is kept over a renewal, for clients that pinned it. P-256: every mail client of the last
# ten years can use it, and a handshake costs a tenth of RSA's.
set -eu
umask 077
pem=$1 name=$2 names=$3 days=$4
mkdir -p "${pem%/*}"
chmod 755 "${pem%/*}"
rm -rf "${pem%/*}"/.new.*
new=$(mktemp -d "${pem%/*}/.new.XXXXXX")
trap 'rm -rf "$new"' EXIT
if ! openssl pkey -in "$pem" -out "$new/key" 2>/dev/null; then
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$new/key"
fi
openssl req -new -x509 -key "$new/key" -days "$days" -subj "/CN=$name" \
  -addext "subjectAltName=$names" -addext "extendedKeyUsage=serverAuth" -out "$new/certificate"
cat "$new/key" "$new/certificate" > "$new/pem"
mv -f "$new/pem" "$pem"
