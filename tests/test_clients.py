"""wanted/clients.py: each document has the form that its mail programs expect."""

from __future__ import annotations

import plistlib
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from facts.firewall import RULES
from preflight import settings_and_problems, warnings
from services import web
from services.all import ALL
from services.configuration import served_ports, why_not
from tests.inventory import data, settings
from tests.plan import packages, texts, vps, wanted
from wanted import clients, mta_sts
from wanted.clients import documents, sheet
from wanted.dns import records

DOMAINS = ("example.org", "second.org")
HOST = "mail.example.org"
STS = {"mail_mta_sts": "testing"}
ON = {"mail_web": True, **STS}


def test_every_domain_has_its_documents() -> None:
    paths = [
        ("autoconfig", "mail/config-v1.1.xml"),
        ("autoconfig", "mail.mobileconfig"),
        ("autodiscover", "autodiscover/autodiscover.xml"),
    ]
    policy = [("mta-sts", ".well-known/mta-sts.txt")]
    for changes, expected in (({}, paths), (STS, paths + policy)):
        found = documents(settings(**changes))
        assert found.keys() == {f"{a}.{domain}/{b}" for domain in DOMAINS for a, b in expected}
    for label, path in paths + policy:
        assert path == path.lower(), f"{label}: the server takes capitals for small letters"


def test_autoconfig() -> None:
    root = ElementTree.fromstring(clients.autoconfig(settings(), "second.org"))
    provider = root[0]
    assert (root.tag, root.attrib) == ("clientConfig", {"version": "1.1"})
    assert provider.attrib == {"id": "second.org"}
    assert provider.findtext("domain") == "second.org"
    found = [
        (each.get("type"), each.findtext("port"), each.findtext("socketType"))
        for each in provider
        if each.tag in ("incomingServer", "outgoingServer")
    ]
    assert found == [
        ("imap", "993", "SSL"),
        ("imap", "143", "STARTTLS"),
        ("pop3", "995", "SSL"),
        ("pop3", "110", "STARTTLS"),
        ("smtp", "465", "SSL"),
        ("smtp", "587", "STARTTLS"),
    ]
    for each in provider.findall("*[@type]"):
        assert each.findtext("hostname") == HOST
        assert each.findtext("username") == "%EMAILADDRESS%"
        assert each.findtext("authentication") == "password-cleartext"


def test_autodiscover() -> None:
    root = ElementTree.fromstring(clients.autodiscover(settings(), "second.org"))
    outer = "{http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006}"
    inner = "{http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a}"
    assert root.tag == f"{outer}Autodiscover"
    account = root.find(f"{inner}Response/{inner}Account")
    assert account is not None
    assert account.findtext(f"{inner}Action") == "settings"
    found = [
        {each.tag.removeprefix(inner): each.text for each in protocol}
        for protocol in account.findall(f"{inner}Protocol")
    ]
    assert [(each["Type"], each["Port"]) for each in found] == [
        ("IMAP", "993"),
        ("POP3", "995"),
        ("SMTP", "465"),
    ]
    for each in found:
        assert (each["Server"], each["SSL"], each["DomainName"]) == (HOST, "on", "second.org")
        assert "LoginName" not in each


def test_the_profile_asks_for_the_person_and_replaces_itself() -> None:
    texts = [clients.mobileconfig(settings(), domain) for domain in DOMAINS]
    profile = plistlib.loads(texts[1].encode())
    (account,) = profile["PayloadContent"]
    assert profile["PayloadType"] == "Configuration"
    assert profile["PayloadIdentifier"] == "org.example.mail.org.second"
    assert account["PayloadType"] == "com.apple.mail.managed"
    for direction, port in (("Incoming", 993), ("Outgoing", 465)):
        assert account[f"{direction}MailServerHostName"] == HOST
        assert account[f"{direction}MailServerPortNumber"] == port
        assert account[f"{direction}MailServerUseSSL"] is True
    assert not any("Password" in key and key.endswith("ServerPassword") for key in account)
    assert "EmailAddress" not in account
    # A device knows an installed profile by these: they must never change.
    assert profile["PayloadUUID"] == "742B8F15-A423-53A4-A0EB-BF446F2359FB"
    uuids = [
        each["PayloadUUID"]
        for text in texts
        for one in [plistlib.loads(text.encode())]
        for each in (one, *one["PayloadContent"])
    ]
    assert len(set(uuids)) == 4


# ---- MTA-STS ------------------------------------------------------------------------------------
def test_the_policy_and_its_id() -> None:
    testing, enforce = settings(**STS), settings(mail_mta_sts="enforce")
    assert mta_sts.policy(testing) == (
        "version: STSv1\nmode: testing\nmx: mail.example.org\nmax_age: 86400\n"
    )
    assert "mode: enforce\n" in mta_sts.policy(enforce)
    record = mta_sts.record(testing)
    assert record == "v=STSv1; id=82f367856cbc38a2e41cbdb37753a952;"
    assert mta_sts.record(settings(**STS, mail_users=None, mail_ipv4="192.0.2.25")) == record
    assert mta_sts.record(enforce) != record


def test_enforcing_wants_a_certificate_that_others_trust() -> None:
    _, problems = settings_and_problems(data(mail_mta_sts="enforce"))
    assert len(problems) == 1
    assert problems[0].startswith("mail_mta_sts: 'enforce' would have others keep their mail")
    assert settings_and_problems(data(**STS))[1] == []


# ---- other settings ------------------------------------------------------------------------------
WEB_NAMES = {
    f"{label}.{domain}" for domain in DOMAINS for label in ("autoconfig", "autodiscover", "mta-sts")
}


def test_the_names_are_in_dns_and_certificate_only_where_they_are_served() -> None:
    on, off = settings(**ON), settings(**STS)
    assert set(on.names) == {HOST, *WEB_NAMES}
    assert off.names == [HOST]
    aliases = {record.name: record.content for record in records(on, {}) if record.type == "CNAME"}
    assert aliases == dict.fromkeys(WEB_NAMES, f"{HOST}.")
    assert not [record for record in records(off, {}) if record.type == "CNAME"]
    for host_settings in (on, off):
        found = {record.name for record in records(host_settings, {}) if "STSv1" in record.content}
        assert found == {f"_mta-sts.{domain}" for domain in DOMAINS}
    assert not [record for record in records(settings(), {}) if "STSv1" in record.content]


def test_a_client_name_is_no_alias_as_well() -> None:
    names = {"mail_web": True, "mail_client_names": ["autoconfig"]}
    found = records(settings(**names, mail_ipv4="192.0.2.25"), {})
    kinds = [each.type for each in found if each.name == "autoconfig.example.org"]
    assert kinds == ["A", "TXT"]


def test_a_mail_domain_is_no_alias() -> None:
    changes = {
        "mail_domains": ["example.org", "autoconfig.example.org"],
        "mail_users": {},
        "mail_aliases": {},
    }
    _, problems = settings_and_problems(data(mail_web=True, **changes))
    assert [problem.partition(";")[0] for problem in problems] == [
        "mail_web: autoconfig.example.org is a mail domain, and a name that mail programs ask for "
        "the settings of another"
    ]
    assert settings_and_problems(data(**changes))[1] == []


def test_the_port_is_open_only_where_it_is_served() -> None:
    on, off = settings(**ON), settings()
    assert set(served_ports(ALL, on)) - set(served_ports(ALL, off)) == {443}
    assert "443" in (texts(on)[RULES] or "")
    assert "443" not in (texts(off)[RULES] or "")


def test_the_server_is_there_only_where_it_is_wanted() -> None:
    assert not wanted(settings())[web.NAME].enabled
    assert "lighttpd" not in packages(settings())
    configuration = wanted(settings(**ON))[web.NAME]
    paths = {file.path for file in configuration.files}
    assert configuration.enabled
    assert "/etc/mailhost/web/mta-sts.second.org/.well-known/mta-sts.txt" in paths
    assert all(file.mode == "644" and not file.secret for file in configuration.files)
    assert {"lighttpd", "lighttpd-mod-openssl"} <= set(packages(settings(**ON)))


def test_another_web_server_stays_where_it_is() -> None:
    taken = replace(vps("13"), reachable={"443/tcp": "nginx"})
    (problem,) = web.obstacles(settings(**ON), taken)
    assert problem.startswith("mail_web: nginx has port 443 here already")
    assert why_not([web.WEB_SERVER], settings(), taken) == []
    ours = replace(taken, reachable={"443/tcp": "systemd"})
    assert web.obstacles(settings(**ON), ours) == []


def test_a_self_signed_certificate_is_worth_a_warning() -> None:
    assert any(line.startswith("mail_web: ") for line in warnings(settings(**ON)))
    assert not any(line.startswith("mail_web: ") for line in warnings(settings(**STS)))


# ---- the sheet ----------------------------------------------------------------------------------
def test_the_sheet_of_a_user() -> None:
    host_settings = settings(mail_limits={"messages_hour": 0, "messages_day": 700})
    text = sheet(host_settings, "Alice")
    for needed in (
        "alice@example.org",
        "993   SSL/TLS",
        "587   STARTTLS",
        "用户名",
        "700",
        "50 MB",
    ):
        assert needed in text
    assert text.count(HOST) == 1
    assert "messages an hour" not in text
    assert "$6$" not in text
    assert "450" not in sheet(settings().model_copy(update={"mail_limits": None}), "alice")
    assert sheet(host_settings, "carol@second.org").count("carol@second.org") == 4


@pytest.mark.parametrize("user", ["", "mallory", "sales", "carol"])
def test_a_sheet_of_nobody(user: str) -> None:
    with pytest.raises(ValueError, match=r"is no user of this host; it has alice@example\.org, "):
        sheet(settings(), user)
