# shellcheck shell=sh
put_back() { # KEPT: replace the files by those that were kept there
  aside=$(mktemp -d /etc/.mailhost.XXXXXX) || return
  { [ ! -d "$1/present" ] || find "$1/present" ! -type d; } | while read -r file; do
    path=${file#"$1/present"}
    cp -a "$file" "$aside/file" && mkdir -p "${path%/*}" && mv -f "$aside/file" "$path" || exit
  done &&
  { [ ! -d "$1/absent" ] || find "$1/absent" -type f; } | while read -r file; do
    rm -f "${file#"$1/absent"}" || exit
  done || { rm -rf "$aside"; return 1; }
  rm -rf "$aside"
}
