"""Drift of the files that the deploy owns, and of their folders: content, owner, mode."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from facts.configuration import FileState
from layout import WEB
from services.configuration import WantedFile
from services.service import Place
from tasks.drifts.row import Row, moment

#: A line that somebody wrote by hand is hidden if it may hold a password, a hash or a key.
_MAY_BE_SECRET = re.compile(r"pass|secret|token|private|\{[A-Z0-9-]+\}|\$\w+\$|:.*@", re.IGNORECASE)
_HIDDEN = "(not shown, it may hold a secret)"


def changed(files: Sequence[WantedFile], states: Mapping[str, FileState]) -> list[str]:
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
    return not file.learned and state.sha256 != _sha256(file.content)


def _sha256(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def content(
    files: Sequence[WantedFile],
    states: Mapping[str, FileState],
    texts: Mapping[str, str],
    logins: Mapping[str, Sequence[str]],
) -> Iterator[Row]:
    """
    Judge what is in the files.

    + texts: of the files that `changed` returns
    + logins: passwd-file -> the names in it on the host; nothing else of it is shown
    """
    for file in files:
        state = states.get(file.path)
        if state is None:
            if file.content is not None:
                yield Row(file.path, "the file", "no such file")
        elif file.content is None:
            yield Row(file.path, "no such file", "a file", moment(state.modified))
        elif state.sha256 == "-":
            yield Row(file.path, "a file", "something else", moment(state.modified))
        elif _content_differs(file, state):
            since = moment(state.modified)
            if file.path in logins:
                yield from _logins(file, logins[file.path], state)
            elif file.secret:
                yield Row(file.path, "its content", "changed (secret, not shown)", since)
            else:
                wanted, found = difference(file.content, texts.get(file.path, ""))
                yield Row(file.path, wanted, found, since)


def _logins(file: WantedFile, found: Sequence[str], state: FileState) -> Iterator[Row]:
    """Name the logins that a passwd-file has and should not have, and those that it lacks."""
    names = [line.partition(":")[0] for line in (file.content or "").splitlines()]
    since = moment(state.modified)
    strangers = sorted(set(found) - set(names))
    missing = sorted(set(names) - set(found))
    for name in strangers:
        yield Row(f"login {name}" if name else file.path, "none", f"a line in {file.path}", since)
    for name in missing:
        yield Row(f"login {name}", f"a line in {file.path}", "none", since)
    if not strangers and not missing:
        yield Row(file.path, "its content", "changed (secret, not shown)", since)


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


def owners(
    files: Sequence[WantedFile], places: Sequence[Place], states: Mapping[str, FileState]
) -> Iterator[Row]:
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


def writers(folders: Sequence[str], states: Mapping[str, FileState]) -> Iterator[Row]:
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


def leftovers(known: Sequence[str], states: Mapping[str, FileState]) -> Iterator[Row]:
    """Name what a killed run left behind, and files on the web server that are not ours."""
    for path in sorted(states.keys() - set(known)):
        served = path.startswith(f"{WEB}/")
        found = "served beside ours" if served else "left by a run that was cut off"
        yield Row(path, "no such file", found, moment(states[path].modified))


def missing(places: Sequence[Place], states: Mapping[str, FileState]) -> Iterator[Row]:
    """Name the places that do not exist."""
    for place in places:
        if place.path not in states:
            yield Row(place.path, f"{place.owner} {place.mode}", "no such file")
