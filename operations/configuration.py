"""
The services' configuration as one transaction: stage, check all, swap, then start, restart or
reload what does not run it yet.

Each service's module builds a `Configuration` (pure: rendered files and the service's own checker);
`apply` compares it with the host and closes the difference with at most two remote commands.
"""

from __future__ import annotations

import base64
import difflib
import hashlib
import io
import tarfile
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
from pyinfra import host, logger, state
from pyinfra.api import StringCommand, operation

from facts.configuration import FileContents, FileState, ManagedFiles
from facts.services import STAMPS, Services, ServiceState
from facts.shell import script

_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).resolve().parent.parent / "templates"),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    autoescape=False,  # plain-text configuration, not HTML
)


@dataclass(frozen=True)
class File:
    """
    One file that the package owns whole.

    + content: its text, or None where the file must not exist
    + secret: its text is never shown, not by `--diff` either
    """

    path: str
    content: str | None
    owner: str = "root"
    group: str = "root"
    mode: str = "644"
    secret: bool = False

    def is_in_place(self, current: FileState | None) -> bool:
        """Whether the file on the host is the wanted one."""
        if self.content is None or current is None:
            return self.content is None and current is None
        digest = hashlib.sha256(self.content.encode()).hexdigest()
        return current == FileState(digest, self.owner, self.group, self.mode)


@dataclass(frozen=True)
class Configuration:
    """
    A service's whole configuration.

    + service: its name, or None for files that several services share
    + check: shell commands that judge the files below "$stage" with the service's own checker;
      they call `fail` with what is wrong
    + runs: False for a service that these settings do without: stopped, where it is there at all
    """

    service: str | None
    files: Sequence[File]
    check: str = ""
    runs: bool = True


def render(template: str, **values: object) -> str:
    """Render a template of `templates/`; a value that is missing raises UndefinedError."""
    return _TEMPLATES.get_template(template).render(**values)


def lookup_table(rows: Iterable[tuple[str, str]], comment: str) -> str:
    """Return a Postfix texthash table, see postconf(5) and DATABASE_README."""
    return "".join([f"# {comment}\n", *(f"{key} {value}\n" for key, value in rows)])


def _bundle(files: Iterable[File]) -> str:
    """Return the files as base64 of a tar.gz; tar carries owner and mode, and comes by stdin."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=6) as archive:
        for file in files:
            if file.content is None:
                continue
            data = file.content.encode()
            entry = tarfile.TarInfo(file.path.lstrip("/"))
            entry.size = len(data)
            entry.mode = int(file.mode, 8)
            entry.uname, entry.gname = file.owner, file.group
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
"""

_SWAP = """
for path; do
  if [ -e "$stage$path" ]; then
    [ ! -d "$path" ] || fail "$path is a folder, a file belongs there: move it away"
    mkdir -p "${path%/*}"
    mv -f "$stage$path" "$path"
  else
    rm -f "$path"
  fi
done
"""


def _swap_command(
    configurations: Sequence[Configuration], changed: Sequence[File]
) -> StringCommand:
    files = [file for configuration in configurations for file in configuration.files]
    checks = "\n".join(configuration.check for configuration in configurations)
    paths = [file.path for file in changed]
    return script(_STAGE + checks + _SWAP, *paths, stdin=_bundle(files))


# The stamp is made before the reload: a file that changes in between is newer than the stamp.
_ACTIVATE = """
set -eu
mkdir -p "$1"
systemctl daemon-reload
stamps=$1; shift
while [ $# -gt 0 ]; do
  action=$1 name=$2 unit=$3; shift 3
  case $name in *.socket) whole=$name ;; *) whole=$name.service ;; esac
  echo "$action $unit"
  case $action in
  enable) systemctl unmask -q "$whole"; systemctl enable -q "$whole" ;;
  disable) systemctl disable -q --now "$whole" ;;
  reload) touch "$stamps/$name"; systemctl reload "$unit" ;;
  *)
    # The wrapper of Debian 12's Postfix has to be up as well.
    systemctl reset-failed "$unit" 2>/dev/null || true
    systemctl "$action" "$whole" "$unit" ||
      { journalctl -n 20 --no-pager -u "$unit" >&2; exit 1; }
    ;;
  esac
done
"""


def activation(
    services: dict[str, ServiceState], names: Sequence[str], unwanted: Sequence[str] = ()
) -> list[tuple[str, ...]]:
    """
    Return (action, name, unit) for each of the named services, in that order, that is not enabled
    or does not run the configuration on disk, then for each that runs and should not. A service
    that is unknown gets a start.
    """
    steps: list[tuple[str, ...]] = []
    for name in names:
        unit = name if name.endswith(".socket") else f"{name}.service"
        service = services.get(name, ServiceState(unit, False, False, 0, "start"))
        if not service.enabled:
            steps.append(("enable", name, service.unit))
        if service.action:
            steps.append((service.action, name, service.unit))
    for name in unwanted:
        if (left := services.get(name)) and (left.enabled or left.active):
            steps.append(("disable", name, left.unit))
    return steps


def _show_difference(changed: Sequence[File]) -> None:
    """Print what changes, for `--diff`; of a secret file only that it changes."""
    shown = [file.path for file in changed if not file.secret]
    current = host.get_fact(FileContents, paths=shown) if shown else {}
    for file in changed:
        if file.secret:
            logger.info("%s %s: changes (secret, not shown)", host.print_prefix, file.path)
            continue
        lines = difflib.unified_diff(
            current.get(file.path, "").splitlines(),
            (file.content or "").splitlines(),
            file.path,
            file.path,
            lineterm="",
        )
        for line in lines:
            logger.info("%s   %s", host.print_prefix, line)


@operation()
def apply(configurations: Sequence[Configuration]) -> Generator[StringCommand, None, None]:
    """
    Check the services' configuration and put it in place, then make every service run it.

    + configurations: of all services, in the order in which they have to start

    Everything is staged and checked by the services' own checkers before the first file is
    replaced: what fails leaves the host as it was. Whether a service is started, restarted or
    reloaded is decided from the host's state, so that a run that was cut off is made good.
    """
    files = [file for configuration in configurations for file in configuration.files]
    current = host.get_fact(ManagedFiles, paths=[file.path for file in files])
    changed = [file for file in files if not file.is_in_place(current.get(file.path))]
    leftovers = sorted(current.keys() - {file.path for file in files})
    if leftovers:
        yield script(f'set -eu{LOCK}rm -rf "$@"', *leftovers)
    if changed:
        for file in changed:
            logger.debug("%s %s differs", host.print_prefix, file.path)
        if state.config.DIFF:
            _show_difference(changed)
        yield _swap_command(configurations, changed)

    names = [each.service for each in configurations if each.service and each.runs]
    unwanted = [each.service for each in configurations if each.service and not each.runs]
    steps = activation(host.get_fact(Services), names, unwanted)
    if steps:
        yield script(_ACTIVATE, STAMPS, *(word for step in steps for word in step))
    if not (leftovers or changed or steps):
        host.noop("every service runs the wanted configuration")
