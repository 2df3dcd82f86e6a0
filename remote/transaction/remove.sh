#!/bin/sh
# Remove files that nobody reads any more: remove.sh PATH...
set -eu
. ./lock.sh
rm -rf "$@"
