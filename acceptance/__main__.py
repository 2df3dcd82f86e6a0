"""`python -m acceptance 12 13` builds the images that the tests of these releases need."""

import sys
from concurrent.futures import ThreadPoolExecutor

from acceptance.support import deployed, desktop
from testbed import peer
from testbed.images import base_images
from testbed.progress import SetupError


def main() -> None:
    """Build what is missing, and print the names."""
    releases = [int(word) for word in sys.argv[1:]]
    try:
        base_images(sorted({*releases, peer.RELEASE}))
        with ThreadPoolExecutor() as pool:
            print(*pool.map(deployed.image, releases), peer.image())
        if len(releases) > 1:  # of the tests of two hosts
            print(desktop.image())
    except SetupError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
