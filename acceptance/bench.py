"""
What a deploy costs (`make bench-deploy`): side by side with installing the same packages by hand.

Ratios of figures from one run on one machine, never a test: machines differ, and so do days.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from acceptance import engine, targets
from acceptance.conftest import inventory_data
from acceptance.mailhost import HOSTNAME, ROOT
from acceptance.progress import say
from facts.system import SystemState
from operations.packages import wanted
from settings import Settings

APT = "apt-get update -qq && apt-get install -y -qq --no-install-recommends"


def seconds(action: Callable[[], object]) -> float:
    """Return how long an action takes."""
    started = time.monotonic()
    action()
    return time.monotonic() - started


def start(name: str, release: int) -> targets.Target:
    """Start a bare target without published services."""
    return targets.start(name, release, ports={22: None}, hostname=HOSTNAME)


def memory(target: targets.Target) -> float:
    """Return the anonymous memory of all processes of a target, in MB, as its cgroup counts it."""
    stats = engine.ensure().containers.get(target.id).stats(stream=False)["memory_stats"]["stats"]
    return float(stats.get("anon", stats.get("total_rss", 0))) / 1e6


def measure(release: int) -> None:
    """Print the figures of one release."""
    mail = Settings(mail_hostname=HOSTNAME, mail_domains=["example.test"])
    packages = " ".join(wanted(mail, SystemState()))
    by_hand, deployed = (start(f"mailhost-bench-{kind}-{release}", release) for kind in "ab")
    try:
        folder = ROOT / "build/acceptance"
        folder.mkdir(parents=True, exist_ok=True)
        inventory = folder / f"{deployed.name}.py"
        host = (f"@docker/{deployed.name}", inventory_data(deployed))
        inventory.write_text(f"mail = [{host!r}]\n")

        def deploy() -> None:
            pyinfra = os.fspath(Path(sys.executable).with_name("pyinfra"))
            command = [pyinfra, os.fspath(inventory), "deploy.py", "-y"]
            subprocess.run(command, cwd=ROOT, check=True, capture_output=True)

        apt = seconds(lambda: by_hand.exec("sh", "-c", f"{APT} {packages}"))
        first, second = seconds(deploy), seconds(deploy)
        print(f"Debian {release}")
        print(f"  apt-get update and install, by hand   {apt:6.1f} s")
        print(f"  first deploy                          {first:6.1f} s   {first / apt:.2f} x")
        print(f"  second run, 0 changes                 {second:6.1f} s   {second / apt:.2f} x")
        print(f"  idle memory of the whole target       {memory(deployed):6.1f} MB")
    finally:
        for target in (by_hand, deployed):
            target.remove()


def main() -> None:
    """Measure the releases named on the command line, or both."""
    for release in [int(word) for word in sys.argv[1:]] or (13, 12):
        say(f"--> Measuring Debian {release}")
        measure(release)


if __name__ == "__main__":
    main()
