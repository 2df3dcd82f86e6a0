"""Drift of the files that the deploy owns, and of their folders: content, owner, mode."""

import difflib
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import PurePosixPath

from facts.configuration import FileState
from layout import WEB
from services.configuration import WantedFile
from services.service import Place
from tasks.drifts.report import Row, moment

#: File or folder -> what it is on the host.
States = Mapping[str, FileState]
#: A line that somebody wrote by hand is hidden if it may hold a password, a hash or a key.
_MAY_BE_SECRET = re.compile(r"pass|secret|token|private|\{[A-Z0-9-]+\}|\$\w+\$|:.*@", re.IGNORECASE)
_HIDDEN = "(not shown, it may hold a secret)"
_CHANGED_SECRET = ("its content", "changed (secret, not shown)")


def changed(files: Sequence[WantedFile], states: States) -> list[str]:
    """Return the files that differ and hold no secret: their text may be read and compared."""
    return [
        file.path
        for file in files
        if not file.secret
        and (state := states.get(file.path))
        and state.sha256 != "-"
        and _content_differs(file, state)
    ]


def _content_differs(file: WantedFile, state: FileState) -> bool:
    if file.content is None:
        return True
    digest = hashlib.sha256(file.content.encode()).hexdigest()
    return not file.learned and state.sha256 != digest


def content(
    files: Sequence[WantedFile],
    states: States,
    texts: Mapping[str, str],  # of the files that `changed` returns
    logins: Mapping[str, Sequence[str]],  # passwd-file -> names in it; no more of it is shown
) -> Iterator[Row]:
    """Judge what is in the files."""
    for file in files:
        state, path = states.get(file.path), file.path
        if state is None:
            if file.content is not None:
                yield Row(path, "the file", "no such file")
            continue
        since = moment(state.modified)
        if file.content is None:
            yield Row(path, "no such file", "a file", since)
        elif state.sha256 == "-":
            yield Row(path, "a file", "something else", since)
        elif _content_differs(file, state):
            if path in logins:
                yield from _logins(file, logins[path], since)
            elif file.secret:
                yield Row(path, *_CHANGED_SECRET, since)
            else:
                yield Row(path, *difference(file.content, texts.get(path, "")), since)


def _logins(file: WantedFile, found: Sequence[str], since: datetime | None) -> Iterator[Row]:
    """Name the logins that a passwd-file has and should not have, and those that it lacks."""
    names = {line.partition(":")[0] for line in (file.content or "").splitlines()}
    for name in sorted(set(found) - names):
        yield Row(f"login {name}" if name else file.path, "none", f"a line in {file.path}", since)
    for name in sorted(names - set(found)):
        yield Row(f"login {name}", f"a line in {file.path}", "none", since)
    if names == set(found):
        yield Row(file.path, *_CHANGED_SECRET, since)


def difference(wanted: str, found: str) -> tuple[str, str]:
    """Return the first line that differs, as wanted and as found; and how many more differ."""
    left, right = wanted.splitlines(), found.splitlines()
    blocks = [
        (left[i1:i2], right[j1:j2])
        for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, left, right, False).get_opcodes()
        if tag != "equal"
    ]
    if not blocks:
        return "its content", "other blanks or line ends"
    more = sum(max(len(mine), len(theirs)) for mine, theirs in blocks) - 1
    mine, theirs = blocks[0]
    shown = (theirs[0].strip() or "an empty line") if theirs else "no such line"
    if theirs and _MAY_BE_SECRET.search(shown):
        name = re.match(r"[a-zA-Z_]+(?=\s*=)", shown)
        shown = f"{name.group() if name else 'a line'} {_HIDDEN}"
    if more:
        shown += f" (and {more} more line{'s' if more > 1 else ''})"
    return mine[0].strip() if mine else "no such line", shown


def owners(files: Sequence[WantedFile], places: Sequence[Place], states: States) -> Iterator[Row]:
    """Judge owner and mode of the files and the places."""
    ours = [
        Place(file.path, f"{file.owner}:{file.group}", file.mode)
        for file in files
        if file.content is not None
    ]
    for place in {place.path: place for place in (*ours, *places)}.values():
        if state := states.get(place.path):
            wanted, found = f"{place.owner} {place.mode}", access(state)
            if found != wanted:
                yield Row(place.path, wanted, found, moment(state.changed))


def writers(folders: Sequence[str], states: States) -> Iterator[Row]:
    """Judge who may write to the folders, and so may replace the files in them."""
    for folder in folders:
        state = states.get(folder)
        if state and (state.owner != "root" or int(state.mode, 8) & 0o022):
            yield Row(folder, "writable by root only", access(state), moment(state.changed))


def access(state: FileState) -> str:
    """Return owner, group and mode in one text, e.g. "root:dovecot 640"."""
    return f"{state.owner}:{state.group} {state.mode}"


def folders(paths: Sequence[str]) -> list[str]:
    """Return the folders that the files are in."""
    return sorted({str(PurePosixPath(path).parent) for path in paths})


def leftovers(known: Sequence[str], states: States) -> Iterator[Row]:
    """Name what a killed run left behind, and files on the web server that are not ours."""
    for path in sorted(states.keys() - set(known)):
        served = path.startswith(f"{WEB}/")
        found = "served beside ours" if served else "left by a run that was cut off"
        yield Row(path, "no such file", found, moment(states[path].modified))


def missing(places: Sequence[Place], states: States) -> Iterator[Row]:
    """Name the places that do not exist."""
    for place in places:
        if place.path not in states:
            yield Row(place.path, f"{place.owner} {place.mode}", "no such file")
