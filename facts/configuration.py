"""What the host's managed files look like: content digest, owner and mode, in one read."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from pyinfra.api import StringCommand
from pyinfra.api.exceptions import FactProcessError

from facts.data import FactData
from facts.fact import Fact
from facts.shell import script
from layout import DKIM_KEYS, KEPT, PEM


@dataclass(frozen=True)
class FileState(FactData):
    """
    One file as it is on the host.

    + mode: octal digits as in stat(1), e.g. "640"
    + modified: when its content last changed (epoch seconds)
    + changed: when its content, owner or mode last changed (epoch seconds)
    """

    sha256: str
    owner: str
    group: str
    mode: str
    modified: float = field(default=0.0, compare=False)
    changed: float = field(default=0.0, compare=False)


# The fixed paths are where operations prepare files: a killed command leaves them there.
# What is no regular file (a directory, a dangling link) gets the digest "-": no wanted content has
# it, so the operation reports a difference.
_SCRIPT = f"""
folders=$1; shift
count=$#
for path in "$@" {KEPT} /etc/.mailhost.* {DKIM_KEYS}/.new.* {PEM.rpartition("/")[0]}/.new.* \
    $([ -z "$folders" ] || find $folders -type f 2>/dev/null); do
  [ ! -e "$path" ] && [ ! -L "$path" ] || set -- "$@" "$path"
done
shift "$count"
[ $# -gt 0 ] || exit 0
stat -c 'stat %U %G %a %Y %Z %n' "$@"
for path; do
  shift
  [ ! -f "$path" ] || set -- "$@" "$path"
done
[ $# -eq 0 ] || sha256sum "$@"
"""


def parse_file_states(output: list[str]) -> dict[str, FileState]:
    """
    Parse "stat owner group mode modified changed path" and "sha256  path" lines; return path ->
    state of each file that exists.
    """
    found, digests = {}, {}
    for line in output:
        if line.startswith("stat "):
            _, owner, group, mode, modified, changed, path = line.split(" ", 6)
            found[path] = (owner, group, mode, float(modified), float(changed))
        else:
            digest, separator, path = line.partition("  ")
            if not separator:
                raise FactProcessError(f"unexpected line from sha256sum: {line!r}")
            digests[path] = digest
    return {path: FileState(digests.get(path, "-"), *state) for path, state in found.items()}


class ManagedFiles(Fact[dict[str, FileState]]):
    """
    Returns path -> state of each given file that exists, of every file in the given folders, and of
    what a killed run left behind (prepared files, saved files of an unconfirmed change):

    .. code:: python

        {"/etc/postfix/main.cf": FileState("9f86d0…", "root", "root", "644")}
    """

    default = dict
    process = staticmethod(parse_file_states)

    def command(self, paths: Sequence[str], folders: Sequence[str] = ()) -> StringCommand:
        return script(_SCRIPT, " ".join(folders), *paths)


class FileContents(Fact[dict[str, str]]):
    """
    Returns path -> text of each given file that exists, for `--diff`. Never ask for a file that
    holds secrets: `-vvv` prints facts.
    """

    default = dict

    def command(self, paths: list[str]) -> StringCommand:
        return script('for path; do [ ! -f "$path" ] || sed "s|^|$path:|" "$path"; done', *paths)

    def process(self, output: list[str]) -> dict[str, str]:
        contents: dict[str, list[str]] = {}
        for line in output:
            path, _, text = line.partition(":")
            contents.setdefault(path, []).append(f"{text}\n")
        return {path: "".join(lines) for path, lines in contents.items()}
