"""
An image of each release that has the packages already, for all targets but those of a first run:
nothing is configured, but `apt-get` has not to do the same again for each of them.
"""

from __future__ import annotations

import hashlib
import io
import json
import os

from facts.machine import MachineState
from services.all import ALL
from services.configuration import wanted_packages
from settings.parsing import parse
from testbed import engine
from testbed.images import PREPARED, RECIPE_LABEL, base_image, build, present, recipe
from testbed.progress import only_one

#: Where dovecot-pop3d's package stays, for a test that unpacks it once more.
KEPT = "/var/tmp/dovecot-pop3d.deb"

#: Services whose units come with Debian's packages, which enable them.
DEBIANS = [
    each.name
    for each in ALL
    if each.is_watched and each.packages and not each.name.startswith("mailhost-")
]

INSTALL = f"""
export DEBIAN_FRONTEND=noninteractive
printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
apt-get update -q
systemctl mask -q lighttpd  # as a deploy does (operations/packages.py)
apt-get install -y -q --no-install-recommends "$@"
rm -f /usr/sbin/policy-rc.d
systemctl disable -q {" ".join(DEBIANS)}
mv /var/cache/apt/archives/dovecot-pop3d_*.deb {KEPT}
apt-get clean
rm -rf /var/lib/apt/lists/* /var/log/apt/* /var/log/dpkg.log
"""


def wanted(release: int) -> list[str]:
    """Return the packages of the acceptance targets; what is missing here, a deploy installs."""
    inventory = {
        "mail_hostname": "mail.example.test",
        "mail_domains": ["example.test"],
        "mail_users": {"alice": {}},
        "mail_aliases": {"outside": ["friend@world.test"]},
        "mail_updates": "off",
        "mail_web": True,
        "mail_tls": {"mode": "acme", "dns_server": "ns.world.test"},
        "mail_relayhost": "smarthost.world.test:587",
        "mail_relayhost_credentials": os.devnull,
    }
    settings, _ = parse(inventory)
    return wanted_packages(ALL, settings, MachineState(release=str(release)))


def image(release: int) -> str:
    """Return the tag of a release's image, built where it is missing or outdated."""
    base, names = base_image(release), wanted(release)
    tag = f"{PREPARED}{release}"
    digest = hashlib.sha256("\n".join((recipe(), INSTALL, *names)).encode()).hexdigest()[:16]
    with only_one(f"prepared-{release}"):
        found = present(engine.ensure(), tag)
        if found is None or found.labels.get(RECIPE_LABEL) != digest:
            lines = [
                f"FROM {base}",
                "RUN " + json.dumps(["sh", "-euc", INSTALL, "install", *names]),
                f"LABEL {RECIPE_LABEL}={digest}",
            ]
            dockerfile = io.BytesIO("\n".join(lines).encode())
            what = f"Image of Debian {release} with the packages"
            build(engine.ensure(), tag, what, fileobj=dockerfile)
    return tag
