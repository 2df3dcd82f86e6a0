"""tasks/drifts/machine.py: names, resources, accounts, mail folders and packages."""

from __future__ import annotations

from dataclasses import replace

from facts.live import LooseFolder
from facts.packages import PackageStates, parse_package_states
from tests.drifting import AT, MACHINE, deployed, drift


def test_the_machine() -> None:
    seen = deployed()
    machine = replace(MACHINE, hostname="vps", mailname="", vmail_folder="root:root:755")
    machine = replace(machine, clock_untried=True, update_timers=False, swap=0, swap_room=2**40)
    live = replace(
        seen.live,
        superusers=("root", "toor"),
        loose_folders=(LooseFolder("/var/vmail/example.org/bob", "vmail:vmail", "755", AT),),
    )
    installed = seen.packages.installed - {"opendkim"}
    states = PackageStates(installed, True, frozenset({"postfix"}))
    seen = replace(seen, machine=machine, live=live, packages=states)
    assert {(row.what, row.found) for row in drift(seen)} == {
        ("host name", "vps"),
        ("/etc/mailname", "nothing"),
        ("/var/vmail", "root:root 755"),
        ("/var/vmail/example.org/bob", "vmail:vmail 755"),
        ("systemd-timesyncd", "never started since the boot"),
        ("swap", "none"),
        ("apt-daily timers", "not, or not both"),
        ("account toor", "uid 0"),
        ("package opendkim", "not installed"),
        ("package postfix", "held"),
        ("dpkg", "an installation was cut off"),
    }


def test_a_held_package_is_installed_all_the_same() -> None:
    states = parse_package_states(["hi postfix", "ii dovecot-imapd", "hc opendkim"])
    assert states.installed == {"postfix", "dovecot-imapd"}
    assert states.held == {"postfix", "opendkim"}
