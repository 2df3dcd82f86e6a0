# shellcheck shell=sh
printable() { # take from a text what would control a terminal: others wrote some of a journal's lines
  LC_ALL=C sed 's/[\x01-\x08\x0b-\x1f\x7f]/?/g; s/\xc2[\x80-\x9f]/?/g'
}
