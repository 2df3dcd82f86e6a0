"""wanted/record_lists.py: the records as a table, as text for web forms, and what they lack."""

from __future__ import annotations

from settings.models import Settings
from tests.tutorial import DOMAIN, HOST, KEY, KEYS, MORE, ROWS, everything, example
from wanted.dns import AT_THE_PROVIDER, grouped, records
from wanted.record_lists import notices, provider_text, table
from wanted.zones import zone_files


def test_the_table_shows_every_row() -> None:
    lines = table(grouped(example(), KEYS)).splitlines()
    words = [line.split(None, 3) for line in lines]
    for name, kind, content, required in (*ROWS, *MORE):
        at = words.index(["required" if required else "optional", name, kind, content])
        assert lines[at + 1].startswith(" " * 12)
    assert [line for line in lines if line and not line.startswith(" ")] == [
        f"The host {HOST}",
        f"The mail domain {DOMAIN}",
        AT_THE_PROVIDER,
    ]


def test_the_columns_are_aligned() -> None:
    for heading, found in grouped(everything(), KEYS).items():
        rows = table({heading: found}).splitlines()[1::2]
        ends = {row.index(f"  {record.type}") for row, record in zip(rows, found, strict=True)}
        assert len(ends) == 1


def blocks(host_settings: Settings) -> list[dict[str, str]]:
    """Return the fields of each block of the text for web forms."""
    text = provider_text(host_settings, grouped(host_settings, KEYS))
    return [
        {line[:11].rstrip(): line[12:] for line in part.splitlines()[1:]}
        for part in text.split("\n\n")
        if part.startswith("# ")
    ]


def test_the_text_for_web_forms_has_every_row() -> None:
    found = blocks(example())
    assert len(found) == len(ROWS) + len(MORE)
    for name, kind, content, _ in (*ROWS, *MORE):
        (block,) = [
            each for each in found if (each["full name"], each["type"]) == (f"{name}.", kind)
        ]
        before = [block[part] for part in ("priority", "weight", "port") if part in block]
        assert " ".join([*before, block["value"]]) == content
        assert block["TTL"] == "3600"
        if kind == "PTR":
            assert block["address"] == "192.0.2.25"
        else:
            assert block["zone"] == DOMAIN
            assert f"{block['name']}.{DOMAIN}".removeprefix("@.") == name


def test_web_forms_of_each_type() -> None:
    host_settings = everything()
    found = {
        (each.get("name"), each["zone"], each["type"]): each for each in blocks(host_settings)[:-2]
    }
    assert found["@", "uzoncloud.net", "MX"].items() >= {"priority": "0", "value": "."}.items()
    srv = found["_imaps._tcp", "second.org", "SRV"]
    assert (srv["priority"], srv["weight"], srv["port"]) == ("0", "1", "993")
    assert srv["value"] == f"{HOST}."
    caa = found["mail1", DOMAIN, "CAA"]  # the last of them
    assert (caa["flags"], caa["tag"], caa["value"]) == ("0", "issuewild", ";")
    dkim = found["default._domainkey", DOMAIN, "TXT"]
    assert dkim["value"] == f"v=DKIM1; h=sha256; k=rsa; p={KEY}"
    strings = dkim["in strings"].strip('"').split('" "')
    assert [len(each) for each in strings] == [255, len(dkim["value"]) - 255]
    assert "".join(strings) == dkim["value"]


def test_what_the_records_lack_is_said() -> None:
    host_settings = example()
    assert notices(host_settings, KEYS, records(host_settings, KEYS)) == []
    host_settings = example(
        mail_ipv4=None,
        mail_relayhost="smtp.example.net:587",
        mail_name_servers=[f"ns1.{DOMAIN}", "ns2.example.net"],
    )
    assert notices(host_settings, {}, records(host_settings, {})) == [
        f"{DOMAIN}: no DKIM key on the host yet: run deploy.py, then this again",
        "mail_ipv4: is missing, and with it the host's A record; write it down",
        "mail_relayhost: mail leaves through smtp.example.net:587; add what its provider says "
        "(include:…) to the SPF records",
        f"mail_name_servers: add the address of ns1.{DOMAIN} to {DOMAIN}.zone, which it is in",
    ]
    assert (
        f"; Add the address of ns1.{DOMAIN},"
        in zone_files(host_settings, records(host_settings, {}), 1)[DOMAIN]
    )
    host_settings = example(mail_name_servers=[HOST])
    assert notices(host_settings, KEYS, records(host_settings, KEYS)) == []
