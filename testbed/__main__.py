"""
The containers on this machine, from the command line.

`python -m testbed up 13` starts the demo's targets; `screen 13` says how to use them; `list`;
`down` removes all containers and networks of ours; `purge` removes our images too; `spamassassin`
prints the command of one that `make score` may run.
"""

import argparse
import sys

from testbed import demo, engine, peer
from testbed.container import LABEL
from testbed.images import CODENAMES, remove_images
from testbed.progress import SetupError, say
from testbed.targets import down, ours


def main() -> None:
    """Run one of the commands."""
    parser = argparse.ArgumentParser(prog="python -m testbed", description=__doc__)
    commands = ["up", "screen", "list", "down", "purge", "spamassassin"]
    parser.add_argument("command", choices=commands)
    parser.add_argument("releases", nargs="*", type=int, help="12, 13 or both; 13 unless given")
    options = parser.parse_args()
    releases = options.releases or [13]
    try:
        if unknown := set(releases) - CODENAMES.keys():
            raise SetupError(f"There is no target of Debian {min(unknown)}: write 12, 13 or both.")
        if options.command in ("down", "list", "purge") and not engine.answers():
            print("no Docker engine runs here: nothing of ours does either")
        elif options.command == "up":
            say("\n".join(demo.up(releases)))  # standard output is for what `make fact` prints
        elif options.command == "screen":
            print(*demo.screen(releases))
        elif options.command == "spamassassin":
            print(peer.spamassassin())
        elif options.command == "list":
            for each in ours():
                print(each.name, each.labels[LABEL], each.status, each.short_id)
        else:
            gone = down() + (remove_images() if options.command == "purge" else [])
            print("removed:", ", ".join(gone) or "nothing was there")
    except SetupError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
