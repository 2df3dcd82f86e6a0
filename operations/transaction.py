"""
First half of a transaction on the host: stage the files, check all, keep the present ones, replace
them.

Below /var/lib/mailhost, for root only: `kept/` has what the files of an unconfirmed change were
before it (`present/PATH`, or an empty `absent/PATH`), and `good` what answered when the last change
was confirmed. While there is no `good`, there is nothing to go back to.
"""

import base64
import io
import tarfile
from collections.abc import Iterable, Sequence

from pyinfra.api import StringCommand

from facts.shell import script
from layout import KEPT
from operations.scripts import shell
from services.configuration import WantedFile


def bundle(files: Iterable[WantedFile]) -> str:
    """Return files as base64 of a tar.gz; tar carries owner and mode, and comes by stdin."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=6) as archive:
        for file in files:
            data = (file.content or "").encode()
            entry = tarfile.TarInfo(file.path.lstrip("/"))
            entry.size = len(data)
            entry.mode = int(file.mode, 8)
            entry.uname, entry.gname = file.owner, file.group
            archive.addfile(entry, io.BytesIO(data))
    return base64.encodebytes(buffer.getvalue()).decode()


def replace(
    checks: Iterable[str], files: Iterable[WantedFile], paths: Sequence[str]
) -> StringCommand:
    """
    Return the command that checks new files, keeps the present ones, and replaces them.

    + checks: shell commands that judge the files below "$stage", and call `fail`
    + files: the new ones, as many as the checks need
    + paths: of those that change; one that is not among the files is removed
    """
    text = shell("transaction/replace.sh")
    alone = [f"({check}\n)" for check in checks if check]  # one that exits ends no other
    return script(text, KEPT, "\n".join(alone), *paths, stdin=bundle(files))
