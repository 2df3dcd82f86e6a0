"""
Figures of one run on one machine: `python -m bench deploy 13`. Ratios, never a test: machines
differ, and so do days.
"""

from __future__ import annotations

import argparse

from bench import deploy, inbound, load
from testbed.progress import say

MEASURES = {"deploy": deploy.measure, "inbound": inbound.measure, "load": load.measure}


def main() -> None:
    """Measure the releases named on the command line, or both."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("what", choices=MEASURES)
    parser.add_argument("releases", nargs="*", type=int, help="12, 13 or both; both unless given")
    options = parser.parse_args()
    for release in options.releases or (13, 12):
        say(f"--> Measuring Debian {release}")
        MEASURES[options.what](release)


if __name__ == "__main__":
    main()
