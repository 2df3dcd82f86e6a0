"""
The targets of the acceptance suite: a Debian of each release, deployed by pyinfra's CLI.

They are reached over SSH, as in production (13 with a sudo user, 12 as root), and were deployed
once already; test_deploy.py has a bare one, on Debian 12 over `docker exec`. Each target has a
network of its own with a peer in it: the rest of the world (BIND 9, an outside mail server,
command-line clients).

Between two tests a target is as its inventory says. A test that deploys something else does it in
`with host.deployed(**changes):`, which deploys the inventory again at its end.

With pytest-xdist the tests come in as many parts as there are workers, each with a target of its
own (acceptance/support/parts.py); `--record-durations` writes what these are balanced by.

`--release 13` runs one release; `--keep` leaves the target up, and the next run deploys it again
instead of starting from nothing, so that tests can be run one by one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from acceptance.support import cli, deployed, parts, recording, starting
from acceptance.support.mailhost import MailHost
from acceptance.support.pair import Pair, two_hosts
from testbed import engine, memory, peer, targets

RELEASES = (13, 12)
#: Modules that a part begins with: they start a bare host, or kill what runs.
FIRST = ("deploy", "interruption", "durability")
MARKERS = (
    "one_release: the release makes no difference to it",
    "provoking: kills or hinders services, which may say fatal",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--release", type=int, choices=RELEASES, action="append")
    parser.addoption("--keep", action="store_true", help="leave the targets up, and reuse them")
    parser.addoption(
        "--prefix", default="mailhost-acceptance", help="names of containers and networks begin so"
    )
    parser.addoption(
        "--record-durations", action="store_true", help="write acceptance/durations.json"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers known, and room for the workers."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    if config.getoption("numprocesses", None):
        engine.make_room()
        cli.serve()
    if config.getoption("record_durations") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(recording.Recorder())


# ---- which tests there are, and in what order ----------------------------------------------------


def releases_of(config: pytest.Config) -> list[int]:
    """Return the releases that are asked for."""
    return list(config.getoption("release") or RELEASES)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test on every release."""
    if "release" in metafunc.fixturenames:
        releases = releases_of(metafunc.config)
        if metafunc.definition.get_closest_marker("one_release"):
            releases = releases[:1]
        metafunc.parametrize("release", releases, scope="session")


def place(item: pytest.Item) -> tuple[int, str]:
    """
    Return a test's release and its module.

    The tests of two hosts count for the first release, and as one module: they share the hosts.
    """
    if "pair" in getattr(item, "fixturenames", ()):
        return releases_of(item.config)[0], "pair"
    release = item.callspec.params["release"]  # type: ignore[attr-defined]
    return release, Path(item.location[0]).stem.removeprefix("test_")


@pytest.hookimpl(hookwrapper=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Iterator[None]:
    """
    Put each test into a part, if there are workers, and keep the tests of a module together.

    The groups have to be known before pytest-xdist looks at them, and the order is the last word:
    for the sake of the session's fixture `release`, pytest goes from module to module by the place
    of a test's parameters, and would set up each module's fixtures again for every test.
    """
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    part_of: dict[tuple[int, str], int] = {}
    known = parts.recorded()
    for release, share in parts.shares(workers, releases_of(config)).items():
        modules = {module for each, module in map(place, items) if each == release}
        for number, part in enumerate(parts.packed(modules, known.get(release, {}), share)):
            part_of |= {(release, module): number for module in part}
    for item in items:
        release, module = place(item)
        item.user_properties += [("release", release), ("module", module)]
        number = part_of[release, module]
        item.add_marker(pytest.mark.xdist_group(f"debian-{release}-part-{number}"))
    yield

    def order(item: pytest.Item) -> tuple[int, int, int, str, int]:
        release, module = place(item)
        first = FIRST.index(module) if module in FIRST else len(FIRST)
        path, line, _ = item.location
        return RELEASES.index(release), part_of[release, module], first, path, line or 0

    items.sort(key=order)


# ---- targets -------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def ssh_key() -> Path:
    """A key for root and `admin`. With --keep it outlives the run, as the target does."""
    return starting.ssh_key()


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

    target = targets.find(target_name) if keep else None
    if target is None:
        image = deployed.image(release)
        target = starting.start_target(target_name, release, world, ssh_key, image)
    made = MailHost(release, target, world, starting.inventory_file(target, ssh_key))
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


@pytest.fixture(scope="session")
def pair(ssh_key: Path, request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Two deployed mail hosts, one of each release, that know each other by DNS only."""
    if request.config.getoption("release"):
        pytest.skip("needs both releases")

    with two_hosts(f"{request.config.getoption('prefix')}-pair", ssh_key) as hosts:
        yield hosts


# ---- the journal ---------------------------------------------------------------------------------


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
