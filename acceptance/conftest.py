"""
The targets of the acceptance suite: a Debian of each release, deployed by pyinfra's CLI.

They are reached over SSH, as in production (13 with a sudo user, 12 as root), and were deployed
once already; test_deploy.py has a bare one, on Debian 12 over `docker exec`. Each target has a
network of its own with a peer in it: the rest of the world (BIND 9, an outside mail server,
command-line clients).
With pytest-xdist a release's tests come in several parts, each with a target of its own.

`--release 13` runs one release; `--keep` leaves the target up, and the next run deploys it again
instead of starting from nothing, so that tests can be run one by one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from xdist.scheduler import LoadGroupScheduling  # type: ignore[import-untyped]

from acceptance import cli, deployed, memory
from acceptance.mailhost import HOSTNAME, ROOT, MailHost, inventory_name, over_ssh
from acceptance.pair import Pair, two_hosts
from testbed import engine, peer, targets
from testbed.progress import only_one

RELEASES = (13, 12)
#: Parts of a release's tests and their modules, the longest first in both. A worker gets its next
#: part when it has two tests left, so neither of these should be a long one. "mail" is the rest,
#: and the tests of two hosts are one more.
#: `make acceptance` gives each part to one worker, which goes on with one of the same release and
#: the target that it has.
PARTS = {
    "attacks": ("load", "from_header", "limits", "abuse", "floods"),
    "changes": ("drift", "updates", "relayhost", "dkim"),
    "kills": ("interruption",),
    "deploys": ("deploy",),
    "apply": ("transaction", "secrets", "drift_report", "round_trips", "sandbox"),
    "arrivals": ("score", "inbound", "firewall", "acme"),
    "settings": ("users", "import", "check", "facts", "signer"),
    "outages": ("durability", "reboot", "disk_full", "web"),
    "mail": (),
}
PORTS = (22, 25, 110, 143, 465, 587, 993, 995)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--release", type=int, choices=RELEASES, action="append")
    parser.addoption("--keep", action="store_true", help="leave the targets up, and reuse them")
    parser.addoption(
        "--prefix", default="mailhost-acceptance", help="names of containers and networks begin so"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test on every release, each part of a release's tests in one worker."""
    if "release" in metafunc.fixturenames:
        releases = metafunc.config.getoption("release") or RELEASES
        module = metafunc.module.__name__.rpartition("test_")[2]
        if metafunc.definition.get_closest_marker("one_release"):
            releases = releases[:1]
        part = next((part for part, modules in PARTS.items() if module in modules), "mail")
        marked = [
            pytest.param(release, marks=pytest.mark.xdist_group(f"debian-{release}-{part}"))
            for release in releases
        ]
        metafunc.parametrize("release", marked, scope="session")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """
    Have the long parts begin first, where workers share them, and a module's tests in one row.

    pytest itself goes from module to module, by the place of a test's parameters, for the sake of
    the session's fixture `release`: what a module deploys would be deployed again for each.
    """
    parts = [*PARTS, "pair"] if hasattr(config, "workerinput") else []
    modules = [module for part in PARTS.values() for module in part]

    def place(item: pytest.Item) -> tuple[int, str, int, str, int]:
        group = item.get_closest_marker("xdist_group")
        release, _, part = (group.args[0] if group else "pair").rpartition("-")
        path, line, _ = item.location
        module = Path(path).stem.removeprefix("test_")
        within = modules.index(module) if module in modules else 0
        return parts.index(part) if parts else 0, release, within, path, line or 0

    items.sort(key=place)


class OwnRelease(LoadGroupScheduling):  # type: ignore[misc]
    """Gives a worker that asks for more a part of the release that it has a target of, if any."""

    def _assign_work_unit(self, node: object) -> None:
        has = {group.rpartition("-")[0] for group in self.assigned_work.get(node, ())}
        for group in self.workqueue:
            if group.rpartition("-")[0] in has:
                self.workqueue.move_to_end(group, last=False)
                break
        super()._assign_work_unit(node)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> OwnRelease:
    """Have pytest-xdist, where it is used, hand out the tests so."""
    return OwnRelease(config, log)


@pytest.fixture(scope="session")
def ssh_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key for root and `admin`. With --keep it outlives the run, as the target does."""
    folder = ROOT / "build" / "acceptance"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "id_ed25519"
    with only_one("acceptance-key"):
        if not path.exists():
            key = Ed25519PrivateKey.generate()
            pem = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
            public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
            path.with_suffix(".pub").write_bytes(public)
            path.touch(mode=0o600)
            path.write_bytes(pem)
    return path


def start_target(
    name: str, release: int, world: peer.Peer, key: Path, image: str | None = None
) -> targets.Target:
    """Start a target in its peer's network; without an `image`, a bare one."""
    return targets.start(
        name,
        release,
        ports=dict.fromkeys(PORTS),
        network=world.network_name,
        hostname=HOSTNAME,
        dns=[world.address],
        authorized_key=key.with_suffix(".pub").read_text(),
        image=image,
    )


def write_inventory(target: targets.Target, key: Path, by_docker: bool = False) -> Path:
    """Write a target's inventory file: to be reached over SSH, or over Docker."""
    data = deployed.inventory_data(target)
    name = inventory_name(target, by_docker)
    if not by_docker:
        data |= over_ssh(target, key)
    path = key.parent / f"{target.name}.py"
    path.write_text(f"mail = [({name!r}, {data!r})]\n")
    return path


@pytest.fixture(scope="session")
def target_name(release: int, worker_id: str, request: pytest.FixtureRequest) -> str:
    """What the names of this worker's containers and network for a release begin with."""
    worker = "" if worker_id == "master" else f"-{worker_id}"
    return f"{request.config.getoption('prefix')}-{release}{worker}"


@pytest.fixture(scope="session")
def host(
    release: int, target_name: str, ssh_key: Path, request: pytest.FixtureRequest
) -> Iterator[MailHost]:
    """A deployed mail host and its peer, whose BIND serves the records that the package wrote."""
    keep = request.config.getoption("keep")
    left = targets.find(f"{target_name}-peer") if keep else None
    world = peer.Peer(left, target_name) if left else peer.start_peer(target_name)

    found = targets.find(target_name) if keep else None
    target = found or start_target(target_name, release, world, ssh_key, deployed.image(release))
    made = MailHost(release, target, world, write_inventory(target, ssh_key))
    made.must_deploy()
    _, zones = made.dns()
    for origin, zone in zones.items():
        if not origin.endswith(".arpa"):  # the reverse zone would hide the peer's, which is larger
            world.load_zone(origin, zone)
    began = time.time()
    yield made
    killed = memory.usage(made.target).oom_kills
    alarms = memory.alarms(made.target, began, made.provoked)
    if not keep:
        made.target.remove()
        world.remove()
        targets.remove_network(target_name)
    assert (killed, alarms) == (0, []), "processes killed for memory, lines of the journal"


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers known, and room for the workers."""
    config.addinivalue_line("markers", "one_release: the release makes no difference to it")
    config.addinivalue_line("markers", "provoking: kills or hinders services, which may say fatal")
    if config.getoption("numprocesses", None):
        engine.make_room()
        cli.serve()


@pytest.fixture(scope="session")
def pair(ssh_key: Path, request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Two deployed mail hosts, one of each release, that know each other by DNS only."""
    if request.config.getoption("release"):
        pytest.skip("needs both releases")

    with two_hosts(f"{request.config.getoption('prefix')}-pair", ssh_key) as hosts:
        yield hosts


@pytest.fixture
def changed_host(host: MailHost) -> MailHost:
    """A host for a test that deploys something else, or comes after one that did."""
    host.plain = False  # until a run says otherwise
    return host


@pytest.fixture(scope="session")
def module_deploys() -> None:
    """For a module's fixture that deploys, once, what all tests with it need."""


@pytest.fixture(autouse=True)
def _as_the_test_expects_it(request: pytest.FixtureRequest) -> None:
    """Deploy the inventory as it is where another was left, and the test has `host` only."""
    if {"host", "changed_host", "module_deploys"}.intersection(request.fixturenames) == {"host"}:
        request.getfixturevalue("host").be_plain()


@pytest.fixture(autouse=True)
def _as_the_journal_expects_it(request: pytest.FixtureRequest) -> Iterator[None]:
    """Keep from when to when a test is `provoking`."""
    began = time.time()
    yield
    if request.node.get_closest_marker("provoking"):
        request.getfixturevalue("host").provoked.append((began, time.time()))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """On failure, add what the target's journal says to the report."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    host = getattr(item, "funcargs", {}).get("host")
    if report.when == "call" and report.failed and isinstance(host, MailHost):
        report.sections.append((f"journal of {host.target.name}", host.target.journal()))
