"""`--record-durations`: write how long each module's tests took, for the parts of later runs."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from acceptance.support import parts


class Recorder:
    """A plugin of pytest, for the process that hears of all tests."""

    def __init__(self, path: Path = parts.DURATIONS) -> None:
        self.path = path
        self.seconds: dict[int, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        self._started: set[tuple[str, int]] = set()

    def pytest_runtest_logreport(self, report: Any) -> None:
        """
        Count one phase of a test: setup, call or teardown.

        A worker's first setup for a release is not counted: its target starts in it.
        """
        place = dict(report.user_properties)
        release = place["release"]
        worker = (getattr(report, "worker_id", ""), release)
        if report.when == "setup" and worker not in self._started:
            self._started.add(worker)
        else:
            self.seconds[release][place["module"]] += report.duration

    def pytest_sessionfinish(self) -> None:
        """Write the file; modules that did not run keep their records."""
        found = parts.recorded(self.path)
        for release, modules in self.seconds.items():
            found[release] = found.get(release, {}) | modules
        rounded = {
            str(release): {
                module: round(seconds, 1) for module, seconds in sorted(found[release].items())
            }
            for release in sorted(found)
        }
        self.path.write_text(json.dumps(rounded, indent=1) + "\n")
