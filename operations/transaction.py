"""
First half of a transaction on the host: stage the files, check all, keep the present ones, swap.

Below /var/lib/mailhost, for root only: `kept/` has what the files of an unconfirmed change were
before it (`present/PATH`, or an empty `absent/PATH`), and `good` what answered when the last change
was confirmed. While there is no `good`, there is nothing to go back to.
"""

from __future__ import annotations

import base64
import io
import tarfile
from collections.abc import Iterable, Sequence

from pyinfra.api import StringCommand

from facts.shell import script
from layout import KEPT

#: Path, text, owner, group and mode of a file.
Entry = tuple[str, str, str, str, str]


def bundle(entries: Iterable[Entry]) -> str:
    """Return files as base64 of a tar.gz; tar carries owner and mode, and comes by stdin."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=6) as archive:
        for path, text, owner, group, mode in entries:
            data = text.encode()
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size = len(data)
            entry.mode = int(mode, 8)
            entry.uname, entry.gname = owner, group
            archive.addfile(entry, io.BytesIO(data))
    return base64.encodebytes(buffer.getvalue()).decode()


#: Keeps out a command that an interrupted run left behind, and waits for its end.
LOCK = """
mkdir -p /run/mailhost
exec 9>/run/mailhost/lock
flock -w 600 9 || { echo "another run still works on this host after 10 minutes" >&2; exit 1; }
"""

# Staged below /etc, so that each mv is a rename on one file system: a reader sees the old file or
# the new one, never half of one.
_STAGE = f"""
set -eu
umask 077
{LOCK}
rm -rf /etc/.mailhost.*
stage=$(mktemp -d /etc/.mailhost.XXXXXX)
trap 'rm -rf "$stage"' EXIT
chmod 755 "$stage"
fail() {{
  echo "$*" | sed "s|$stage||g" >&2
  echo "Nothing was replaced: the services keep the configuration they had." >&2
  exit 1
}}
umask 022
base64 -d | tar -xzm -C "$stage" || fail "the new configuration did not arrive whole"
# Postfix's programs wait up to two seconds for a file that changed just now, since its writer could
# be at it still. These are whole when they get their names. No other files: systemd takes a drop-in
# that is older than its last reload for one that it knows.
[ ! -d "$stage/etc/postfix" ] ||
  find "$stage/etc/postfix" -type f -exec touch -d "3 seconds ago" {{}} +
"""

#: Where the way back is.
PLACES = f"""
kept={KEPT} good={KEPT.rpartition("/")[0]}/good
"""

# Each copy is whole when it gets its name, and what a run that was cut off has kept stays: the last
# good configuration is the way back, not the one in between.
_KEEP = """
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
keep() {
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
"""

PUT_BACK = """
put_back() {
  aside=$(mktemp -d /etc/.mailhost.XXXXXX) || return
  { [ ! -d "$kept/present" ] || find "$kept/present" ! -type d; } | while read -r file; do
    path=${file#"$kept/present"}
    cp -a "$file" "$aside/file" && mkdir -p "${path%/*}" && mv -f "$aside/file" "$path" || exit
  done &&
  { [ ! -d "$kept/absent" ] || find "$kept/absent" -type f; } | while read -r file; do
    rm -f "${file#"$kept/absent"}" || exit
  done || { rm -rf "$aside"; return 1; }
  rm -rf "$aside"
}
"""

_SWAP = """
swap() {
  if [ -e "$stage$1" ]; then
    mkdir -p "${1%/*}" && mv -f "$stage$1" "$1"
  else
    rm -f "$1"
  fi
}
for path; do
  swap "$path" || {
    [ ! -e "$good" ] || put_back || echo "$kept has the files as they were: copy them back" >&2
    echo "$path can't be replaced: the services keep the configuration they had." >&2
    exit 1
  }
done
"""


def swap(checks: Iterable[str], files: Iterable[Entry], paths: Sequence[str]) -> StringCommand:
    """
    Return the command that checks new files, keeps the present ones, and replaces them.

    + checks: shell commands that judge the files below "$stage", and call `fail`
    + files: the new ones, as many as the checks need
    + paths: of those that change; one that is not among the files is removed
    """
    text = "\n".join([_STAGE, *checks, PLACES, _KEEP, PUT_BACK, _SWAP])
    return script(text, *paths, stdin=bundle(files))
