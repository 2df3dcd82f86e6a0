"""`make check`: a healthy host is all green; what is broken is named, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from acceptance.support.checks import BLOCKLIST, check, publish
from acceptance.support.mailhost import MailHost
from testbed.inventory import HOSTNAME, ROOT
from testbed.targets import start
from testbed.wait import wait_until

pytestmark = pytest.mark.one_release  # test_breakages.py has both

#: An update may wait on any day, and none of the tests is about it.
NOT_OURS = {"host.updates"}


@pytest.fixture(scope="module")
def zones(host: MailHost) -> dict[str, str]:
    """The host's records, all right and served."""
    return publish(host)


@pytest.fixture
def zone(host: MailHost, zones: dict[str, str]) -> Iterator[str]:
    """The primary domain's zone, which the test may break."""
    yield zones["example.test"]
    host.peer.load_zone("example.test", zones["example.test"])


def test_a_healthy_host_is_all_green(host: MailHost, zones: dict[str, str]) -> None:
    run = check(host)
    assert run.code == 0, run.output
    (report,) = run.reports
    for status in ("failed", "unknown"):
        assert run.ids(status) <= NOT_OURS, [
            finding for finding in report["findings"] if finding["status"] == status
        ]
    assert report["host"] == HOSTNAME
    assert report["summary"]["checks"] == len(report["findings"]) > 25
    page = (ROOT / f"build/check/{HOSTNAME}.html").read_text()
    assert HOSTNAME in page
    assert "<script" not in page


def test_the_table_names_what_failed_and_the_remedy(host: MailHost, zone: str) -> None:
    assert "IDAQAB" in zone  # the key's end
    host.peer.load_zone("example.test", zone.replace("IDAQAB", "IDAQAC"))
    run = check(host)
    assert run.ids() - NOT_OURS == {"dns.dkim"}
    assert run.code == 1
    assert "required checks failed: dns.dkim" in run.output
    assert "Traceback" not in run.output

    shown = host.pyinfra(
        "tasks/check.py",
        "-y",
        "--data",
        f"mail_check_resolver={host.peer.address}",
        "--data",
        f"mail_check_outbound={host.peer.address}:25",
        "--data",
        "mail_blocklists=[]",
    )
    assert shown.returncode == 1
    assert shown.stdout == ""
    assert "publish the host's own key" in shown.stderr
    assert "\033[" not in shown.stderr


def test_what_is_no_failure_of_a_requirement_exits_0(host: MailHost, zone: str) -> None:
    host.peer.load_zone("example.test", zone.replace("p=quarantine", "p=none"))
    run = check(host)
    assert run.ids() - NOT_OURS == {"dns.dmarc"}
    assert run.code == 0


def test_a_listed_address_and_a_list_that_refuses(host: MailHost, zones: dict[str, str]) -> None:
    reverse = ".".join(reversed(host.target.address.split(".")))
    try:
        host.peer.load_zone(BLOCKLIST, f"{reverse} A 127.0.0.2\n")
        assert check(host).ids() - NOT_OURS == {"net.blocklist"}
        host.peer.load_zone(BLOCKLIST, f"{reverse} A 127.255.255.254\n")
        run = check(host)
        assert run.ids() <= NOT_OURS
        assert run.ids("unknown") - NOT_OURS == {"net.blocklist"}
    finally:
        host.peer.load_zone(BLOCKLIST, "nothing A 127.0.0.1\n")


def test_a_stopped_service_is_one_finding(host: MailHost, zones: dict[str, str]) -> None:
    host.run("systemctl", "stop", "dovecot")
    try:
        run = check(host)
    finally:
        host.run("systemctl", "start", "dovecot")
        wait_until(lambda: ":993" in host.run("ss", "-ltnH"), 20, "Dovecot listens again")
    assert run.code == 1
    assert run.ids() - NOT_OURS == {"host.units"}


def test_dead_dns_is_unknown_not_fine_and_not_failed(host: MailHost) -> None:
    run = check(host, mail_check_resolver="127.255.255.53", mail_blocklists=[])
    assert run.code == 0
    assert run.ids() <= NOT_OURS
    assert {"dns.a", "dns.spf", "dns.resolver"} <= run.ids("unknown")
    assert not {id for id in run.ids("ok") if id.startswith("dns.")}


def test_checking_changes_nothing(host: MailHost, zones: dict[str, str]) -> None:
    before = host.pids()
    host.run("touch", "/run/before-check")
    check(host)
    newer = ("find", "/etc", "/var/lib/apt", "/var/vmail", "-newer", "/run/before-check")
    assert host.run(*newer) == ""
    assert host.pids() == before


def test_a_host_that_is_not_deployed_yet(host: MailHost, target_name: str) -> None:
    name = f"{target_name}-bare-check"
    target = start(name, host.release, hostname=HOSTNAME)
    try:
        inventory = host.inventory.with_name(f"{name}.py")
        inventory.write_text(
            f"mail = [('@docker/{name}', "
            f"{{'mail_hostname': '{HOSTNAME}', 'mail_domains': ['example.test']}})]\n"
        )
        bare = MailHost(host.release, target, host.peer, inventory)
        run = check(bare)
    finally:
        target.remove()
    assert run.code == 1
    assert [report["error"] for report in run.reports] == [
        "is no mail host yet: run deploy.py (`make deploy`) first"
    ]
    assert "Traceback" not in run.output
