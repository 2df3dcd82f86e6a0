"""A mail program as people have it: it knows the address and the password, and nothing else."""

from __future__ import annotations

import pytest

from acceptance.support import desktop
from acceptance.support.pair import PASSWORD, USERS, Pair
from acceptance.support.signatures import unique
from testbed.inventory import ROOT


@pytest.mark.parametrize("number", [0, 1], ids=["alpha", "beta"])
def test_thunderbird_sets_itself_up_sends_and_reads(pair: Pair, number: int) -> None:
    host, subject = pair.hosts[number], unique("thunderbird")
    user = host.address(USERS[host.domains[0]][1])
    authority = pair.authority.path.read_text()
    where = (pair.world.network_name, pair.world.address)
    seen = desktop.thunderbird(*where, user, PASSWORD, subject, authority)
    assert seen.settings == (f"imap {host.hostname}:993", f"smtp {host.hostname}:465")
    assert subject in seen.subjects
    assert host.search(user, subject)
    assert host.search(user, subject, "Sent")
    (ROOT / "build/acceptance/thunderbird.png").write_bytes(seen.picture)
