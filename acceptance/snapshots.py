"""
Snapshots of a target just deployed: with pytest-xdist one worker of a release deploys a bare
target, and the others go on from an image of it, instead of installing the same again.
"""

from __future__ import annotations

import json
from typing import Any

from acceptance import engine
from acceptance.images import SNAPSHOTS, present
from acceptance.targets import Target

FIRST_RUN = "mailhost.first-run"  # label: the operations that changed something in the first run


def tag(release: int, run: str) -> str:
    """Return the tag of a release's snapshot in this run of the tests."""
    return f"{SNAPSHOTS}{release}-{run}"


def take(target: Target, tag: str, changed: list[str]) -> None:
    """Make an image of a deployed target; `changed`: what its first run changed."""
    name, _, version = tag.partition(":")
    label = f"LABEL {FIRST_RUN}={json.dumps(json.dumps(changed))}"
    engine.ensure().containers.get(target.id).commit(name, version, changes=[label])


def first_run(tag: str) -> list[str] | None:
    """Return what the first run changed before a snapshot was taken, None where there is none."""
    image: Any = present(engine.ensure(), tag)
    if image is None:
        return None
    changed: list[str] = json.loads(image.labels[FIRST_RUN])
    return changed


def drop(run: str) -> None:
    """Remove the snapshots of a run of the tests."""
    client = engine.ensure()
    for image in client.images.list():
        for each in image.tags:
            if each.startswith(SNAPSHOTS) and each.endswith(f"-{run}"):
                client.images.remove(each, force=True)
