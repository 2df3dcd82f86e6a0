"""services/: everything else follows from a service's record."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import PurePosixPath
from pkgutil import iter_modules

import jinja2
import pytest
from probe.__main__ import CHECKS

import services
from facts.packages import PackageStates
from facts.services import ServiceState
from layout import PEM
from operations.activation import activation
from operations.configuration import probe_lines
from services.all import ALL
from services.configuration import configurations, secrets, unseen, wanted_packages, watched
from services.service import RELOAD, RESTART, File, Service
from services.units import REMOTE
from tasks.checks.machine import expected
from tasks.drifts import machine, units
from tests.inventory import settings
from tests.plan import RELEASES, VPS, vps, wanted
from wanted.rendering import TEMPLATES

SYSTEM = "/etc/systemd/system"
LIMITS_MODULES = [
    "__init__",
    "__main__",
    "counts",
    "message",
    "notice",
    "plan",
    "policy",
    "server",
    "storage",
]
#: Service -> path -> what it needs after a change of that file; other files need nothing.
EFFECTS = {
    "systemd-journald": {"/etc/systemd/journald.conf.d/mailhost.conf": RESTART},
    "opendkim": {
        "/etc/opendkim.conf": RESTART,
        "/etc/opendkim/tables/keys": RELOAD,
        "/etc/opendkim/tables/signing": RELOAD,
        "/etc/opendkim/from_header.lua": RELOAD,
        f"{SYSTEM}/opendkim.service.d/mailhost.conf": RESTART,
    },
    "opendmarc": {
        "/etc/opendmarc.conf": RESTART,
        f"{SYSTEM}/opendmarc.service.d/mailhost.conf": RESTART,
    },
    "postsrsd": {
        "/etc/default/postsrsd": RESTART,
        f"{SYSTEM}/postsrsd.service.d/mailhost.conf": RESTART,
    },
    "mailhost-limits.socket": {
        **{f"/usr/local/lib/mailhost/limits/{name}.py": RESTART for name in LIMITS_MODULES},
        "/usr/local/lib/mailhost/limits.py": RESTART,  # of earlier versions: it must not exist
        "/etc/mailhost/limits.json": RESTART,
        f"{SYSTEM}/mailhost-limits.socket": RESTART,
        f"{SYSTEM}/mailhost-limits.service": RESTART,
    },
    "dovecot": {
        "/etc/dovecot/dovecot.conf": RELOAD,
        "/etc/ssl/mail/mail.pem": RELOAD,
        f"{SYSTEM}/dovecot.service.d/mailhost.conf": RESTART,
    },
    "postfix": {
        "/etc/postfix/tables/virtual_mailboxes": RELOAD,
        "/etc/postfix/tables/virtual_aliases": RELOAD,
        "/etc/postfix/tables/sender_logins": RELOAD,
        "/etc/postfix/tables/header_checks": RELOAD,
        "/etc/postfix/tables/submission_header_checks": RELOAD,
        "/etc/postfix/tables/forwards": RELOAD,
        "/etc/postfix/tables/relay_login": RELOAD,
        "/etc/postfix/main.cf": RELOAD,
        "/etc/postfix/master.cf": RELOAD,
        "/etc/ssl/mail/mail.pem": RELOAD,
        "/etc/dovecot/dovecot.conf": RELOAD,
        f"{SYSTEM}/postfix@.service.d/mailhost.conf": RESTART,
        f"{SYSTEM}/postfix.service.d/mailhost.conf": RESTART,
    },
    "mailhost-web.socket": {
        "/etc/mailhost/web.conf": RESTART,
        f"{SYSTEM}/mailhost-web.socket": RESTART,
        f"{SYSTEM}/mailhost-web.service": RESTART,
    },
    "fail2ban": {
        "/etc/fail2ban/jail.d/mailhost.local": RELOAD,
        "/etc/fail2ban/filter.d/mailhost.conf": RELOAD,
        "/etc/fail2ban/fail2ban.d/mailhost.local": RELOAD,
    },
    "mailhost-certificate.timer": {f"{SYSTEM}/mailhost-certificate.timer": RESTART},
    "mailhost-certificate.path": {f"{SYSTEM}/mailhost-certificate.path": RESTART},
}


@pytest.mark.parametrize("service", ALL, ids=lambda each: each.name)
def test_the_files_of_a_service_and_what_their_change_needs(service: Service) -> None:
    needed = {path: effect for path, effect in service.effects.items() if effect.action}
    assert needed == EFFECTS.get(service.name, {})


@pytest.mark.parametrize("service", ALL, ids=lambda each: each.name)
def test_a_file_that_needs_nothing_says_why(service: Service) -> None:
    for path, effect in service.effects.items():
        assert effect.action in ("reload", "restart", ""), path
        assert bool(effect.reason) == (not effect.action), path


@pytest.mark.parametrize("service", ALL, ids=lambda each: each.name)
def test_what_a_service_follows_and_sees_is_another_ones(service: Service) -> None:
    others = [each for each in ALL if each is not service]
    theirs = {file.path for each in others for file in each.files}
    assert service.affected_by.keys() <= theirs
    # Each path that it needs to see is another service's secret, or beside one: else it is visible.
    hidden = [path for each in others for path in secrets(each)]
    for path in service.sees:
        assert any(PurePosixPath(path).is_relative_to(each) for each in hidden), path


def test_a_secret_that_must_go_is_not_shown_either() -> None:
    files = [file for each in wanted(settings()).values() for file in each.files]
    gone = {file.path: file.secret for file in files if file.content is None}
    assert gone["/etc/postfix/tables/relay_login"]
    assert gone["/etc/mailhost/acme-hook"]
    assert not gone["/etc/postfix/tables/forwards"]


def test_no_two_services_share_a_name_a_file_or_a_port() -> None:
    names = [each.name for each in ALL]
    paths = [(file.path, file.release) for each in ALL for file in each.files]
    ports = [port for each in ALL for port in each.ports]
    for found in (names, paths, ports):
        assert len(found) == len(set(found))


@pytest.mark.parametrize("service", ALL, ids=lambda each: each.name)
def test_nothing_is_hidden_that_a_service_reads(service: Service) -> None:
    hidden = [PurePosixPath(path) for path in unseen(service, ALL)]
    own = (file.path for file in service.files)
    needed = [*own, *service.holds, *service.sees]
    for path in needed:
        assert not any(PurePosixPath(path).is_relative_to(each) for each in hidden), path


def test_what_lies_beside_a_file_that_is_read_stays_hidden() -> None:
    (postsrsd,) = (each for each in ALL if each.name == "postsrsd")
    assert "/etc/postfix/tables" in unseen(postsrsd, ALL)
    assert "/etc/postfix" not in unseen(postsrsd, ALL)
    (opendkim,) = (each for each in ALL if each.name == "opendkim")
    assert "/etc/postfix/tables/relay_login" in unseen(opendkim, ALL)


def test_every_secret_of_the_host_is_hidden_from_who_does_not_read_it() -> None:
    # OpenDMARC reads no file of another service.
    (opendmarc,) = (each for each in ALL if each.name == "opendmarc")
    assert unseen(opendmarc, ALL) == [
        "/etc/dkimkeys",
        "/etc/dovecot",
        "/etc/mailhost/acme-eab.key",
        "/etc/mailhost/acme-hook",
        "/etc/mailhost/acme-tsig.key",
        "/etc/postfix",
        "/etc/postsrsd.secret",
        "/etc/ssl/mail",
        "/var/lib/mailhost",
        "/var/lib/mailhost-certificate",
        "/var/vmail",
    ]


#: What is asked after a change, of a host with every option on: names of checks in remote/probe.
PROBES = {
    "opendkim": ["signs", "signs"],
    "opendmarc": ["answers"],
    "postsrsd": ["rewrites"],
    "dovecot": ["imap", "imap", "pop3", "pop3", "knows"],
    "postfix": ["smtp", "submission", "submission", "greets"],
    "mailhost-web.socket": ["https"],
}
#: Services whose own checker judges their files.
CHECKED = {
    *("opendkim", "opendmarc", "mailhost-limits.socket", "dovecot", "postfix", "fail2ban"),
    *("mailhost-web.socket", "unattended-upgrades", "mailhost-certificate.timer"),
}
EVERYTHING = settings(
    mail_aliases={"outside": ["friend@elsewhere.net"]},
    mail_dmarc_inbound="enforce",
    mail_web=True,
    mail_tls={"mode": "acme"},
)


def test_every_service_is_asked_and_checked_as_before() -> None:
    asked = {name: [probe[0] for probe in each.probes] for name, each in wanted(EVERYTHING).items()}
    assert {name: probes for name, probes in asked.items() if probes} == PROBES
    assert {probe for probes in asked.values() for probe in probes} <= CHECKS.keys()
    assert {each.name for each in ALL if each.check} == CHECKED


def test_what_others_ask_starts_before_them() -> None:
    names = [each.name for each in ALL]
    order = ["opendkim", "opendmarc", "postsrsd", "mailhost-limits.socket", "dovecot", "postfix"]
    assert sorted(order, key=names.index) == order
    assert names[-1] == "mailhost-firewall"


def test_every_record_is_in_the_list() -> None:
    modules = [import_module(f"services.{each.name}") for each in iter_modules(services.__path__)]
    records = {
        v.name for module in modules for v in vars(module).values() if isinstance(v, Service)
    }
    assert records <= {each.name for each in ALL}


@pytest.mark.parametrize("service", ALL, ids=lambda each: each.name)
def test_a_record_does_not_contradict_itself(service: Service) -> None:
    for file in service.files:
        assert re.fullmatch(r"/\S*[^/]", file.path)
        assert re.fullmatch("[0-7]{3}", file.mode), file.path
        assert file.secret == (int(file.mode, 8) & 0o007 == 0), file.path
        assert service.is_watched or not file.effect.action, file.path
    assert bool(service.ports) == bool(service.listeners)


@pytest.mark.parametrize("release", RELEASES)
def test_no_path_is_written_twice_and_none_hidden_from_who_names_it(release: str) -> None:
    found = wanted(EVERYTHING, vps(release))
    paths = [file.path for each in found.values() for file in each.files]
    assert len(paths) == len(set(paths))
    for each in found.values():
        for file in each.files:
            said = re.sub(r"(?m)^(InaccessiblePaths.*|\s*#.*)$", "", file.content or "")
            assert "MemoryMax=0M" not in said, file.path
            for path in unseen(each.service, ALL):
                assert not re.search(re.escape(path) + r"(?![\w-])", said), (file.path, path)


def test_a_renewal_reloads_who_shows_the_certificate() -> None:
    script = (REMOTE / "renewal/certificate.sh").read_text()
    (named,) = re.findall(r"for service in ([a-z ]+);", script)
    assert set(named.split()) == {each.name for each in ALL if PEM in each.affected_by}


TOY = Service(
    "toy",
    packages=("toyd",),
    files=(File("/etc/toy.conf", RESTART, "toy.conf.j2", secret=True),),
    check='toyd -t "$stage/etc/toy.conf" || fail "toyd refuses /etc/toy.conf"',
    probes=lambda _: [("answers", "/run/toy.sock")],
)


@pytest.fixture
def toy_template(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add a template."""
    template = jinja2.DictLoader({"toy.conf.j2": "hide {{ unseen | join(' ') }}\n"})
    assert TEMPLATES.loader
    monkeypatch.setattr(TEMPLATES, "loader", jinja2.ChoiceLoader([template, TEMPLATES.loader]))


@pytest.mark.usefixtures("toy_template")
def test_a_toy_service_is_one_record_and_one_template() -> None:
    services, host_settings = (*ALL, TOY), settings()
    found = configurations(services, host_settings, VPS)
    toy = found["toy"]
    # packages
    assert "toyd" in wanted_packages(services, host_settings, VPS)
    # activation and probes
    steps = activation({}, watched(services))
    assert steps[-2:] == [("enable", "toy", "toy.service"), ("start", "toy", "toy.service")]
    (fact,) = (each for each in watched(services) if each.name == "toy")
    assert fact.effects == {"/etc/toy.conf": "restart"}
    assert probe_lines(found.values(), {})[-2:] == [
        "toy toy.service runs toy.service",
        "toy toy.service answers /run/toy.sock",
    ]
    # check
    assert expected(host_settings, services)[-1] == "toy"
    # drift
    stopped = {"toy": ServiceState("toy.service", True, False, 0, "start", "enabled, inactive")}
    (row,) = units.states([toy], stopped, set())
    assert (row.what, row.found) == ("toy", "inactive")
    nothing = PackageStates(frozenset(), False)
    missing = machine.packages(wanted_packages(services, host_settings, VPS), nothing)
    assert "package toyd" in [row.what for row in missing]
    # sandbox: it sees no other service's secrets, and none sees its secret
    assert "/etc/dkimkeys" in (toy.files[0].content or "")
    drop_in = next(file for file in found["dovecot"].files if file.path.endswith("mailhost.conf"))
    assert "-/etc/toy.conf " in (drop_in.content or "")
