"""
Nothing that was acknowledged is lost, whatever is killed (`make durability`): it passes or fails,
and so it is here and not in bench/. test_durability.py is one round of it.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from acceptance.support.killing import ROUND, prove
from acceptance.support.mailhost import MailHost
from acceptance.support.starting import inventory_file, start_target
from testbed import targets
from testbed.peer import start_peer
from testbed.progress import say


@contextmanager
def host_of_its_own(release: int) -> Iterator[MailHost]:
    """A target that is deployed from nothing, with the rest of the world; removed afterwards."""
    network = "mailhost-durability"
    world = start_peer(network)
    started = [world.target]
    try:
        target = start_target(f"{network}-{release}", release, world)
        started.append(target)
        host = MailHost(release, target, world, inventory_file(target), by_docker=True)
        host.must_deploy()
        yield host
    finally:
        for each in started:
            each.remove()
        targets.remove_network(network)


def main() -> None:
    """Prove it on the releases named on the command line, or both; exit 1 where it is not so."""
    parser = argparse.ArgumentParser(prog="python -m acceptance.durability", description=__doc__)
    parser.add_argument("releases", nargs="*", type=int, help="12, 13 or both; both unless given")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--kills", type=int, default=200, help="at least so many (default: 200)")
    options = parser.parse_args()
    good = True
    for release in options.releases or (13, 12):
        say(f"--> Debian {release}, seed {options.seed}")
        with host_of_its_own(release) as host, tempfile.TemporaryDirectory() as folder:
            rounds = -(-options.kills // len(ROUND))
            kills, verdict = prove(host, Path(folder, "ledger"), options.seed, 0.1, rounds)
            print(f"Debian {release}, seed {options.seed}: {kills.total()} kills; {verdict}")
            print("  " + ", ".join(f"{what} {count}" for what, count in sorted(kills.items())))
            for kind in ("lost", "wrong"):
                for entry, box in getattr(verdict, kind):
                    print(f"  {kind}: {entry} {box}")
            good &= verdict.good
    raise SystemExit(not good)


if __name__ == "__main__":
    main()
