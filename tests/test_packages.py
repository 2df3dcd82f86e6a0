"""facts/packages.py and operations/packages.py: which packages are installed."""

from __future__ import annotations

import pytest

from facts.packages import GUARD_MARK, Packages, PackageStates, parse_package_states
from operations import packages
from tests.fake import commands


def test_missing_packages_are_installed_in_one_command() -> None:
    present = PackageStates(frozenset({"postfix"}), interrupted=False)
    (command,), _ = commands(packages.install, {Packages: present}, packages=["postfix", "openssl"])
    assert command.endswith(f" mailhost '{GUARD_MARK}' postfix openssl")


@pytest.mark.parametrize(("interrupted", "count"), [(False, 0), (True, 1)])
def test_an_interrupted_installation_is_taken_up(interrupted: bool, count: int) -> None:
    present = PackageStates(frozenset({"postfix"}), interrupted)
    found, _ = commands(packages.install, {Packages: present}, packages=["postfix"])
    assert len(found) == count


def test_half_configured_packages_do_not_count() -> None:
    assert parse_package_states(["ii  postfix", "iF  dovecot-imapd", "interrupted"]) == (
        PackageStates(frozenset({"postfix"}), True)
    )
