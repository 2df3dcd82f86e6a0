"""What a deploy costs (`make bench-deploy`), beside installing the same packages by hand."""

from __future__ import annotations

from bench.two_targets import seconds, two_targets


def measure(release: int) -> None:
    """Print what a deploy of one release costs."""
    with two_targets(release) as pair:
        apt = seconds(pair.install)
        first, second = seconds(pair.deploy), seconds(pair.deploy)
        print(f"Debian {release}")
        print(f"  apt-get update and install, by hand   {apt:6.1f} s")
        print(f"  first deploy                          {first:6.1f} s   {first / apt:.2f} x")
        print(f"  second run, 0 changes                 {second:6.1f} s   {second / apt:.2f} x")
        print(f"  idle memory of the whole target       {pair.memory():6.1f} MB")
