"""What the services can do: their work, and nothing else on the host."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import uuid4

from acceptance.support.mailhost import MailHost
from services.postfix import POSTFIX
from testbed.messages import message

NEVER_ROOT = ("opendkim", "opendmarc", "mailhost-limits")

INTRUDER = (Path(__file__).parent / "programs" / "intruder.py").read_text()

# systemd runs it as the unit: in the sandbox of the service, with its user, as its reload.
SEND_IN = """
token=$1 drop_ins=; shift
cat > /run/intruder.py
chmod 644 /run/intruder.py
trap 'rm -rf /run/intruder.py $drop_ins; systemctl daemon-reload' EXIT
for unit; do
  drop_in=/run/systemd/system/$unit.service.d
  drop_ins="$drop_ins $drop_in/zz-intruder.conf"
  mkdir -p "$drop_in"
  printf '[Service]\\nExecReload=\\nExecReload=/usr/bin/python3 -B /run/intruder.py %s %s\\n' \
    "$unit" "$token" > "$drop_in/zz-intruder.conf"
done
systemctl daemon-reload
for unit; do systemctl start "$unit.service"; systemctl reload "$unit.service"; done
journalctl --sync
journalctl -q --no-pager -o cat -g "^$token " | sed "s/^$token //"
"""

NOWHERE = {
    "configuration": {"EROFS", "EACCES"},
    "programs": {"EROFS", "EACCES"},
    "anybody's folder": {"EROFS"},
    "systemd": {"ENOENT", "EACCES", "ECONNREFUSED"},
    "message bus": {"ENOENT", "EACCES"},
    "namespace": {"Operation not permitted"},
    "packets": {"EAFNOSUPPORT"},
    "priority": {"EPERM"},
    "code in memory": {"EPERM", "EACCES"},  # systemd 252's filter, the kernel's own since
}
#: What each service has to read of what not all may see.
SEES = {
    "postfix": {"mail", "tables"},
    "dovecot": {"mail", "logins"},
    "opendkim": {"signing keys", "tables"},
    "opendmarc": set(),
    "postsrsd": set(),
    "mailhost-limits": set(),
}


def units(host: MailHost) -> list[str]:
    """Return the units of these services, without their type."""
    own = {POSTFIX.name: host.unit(POSTFIX).removesuffix(".service")}
    return [own.get(name, name) for name in SEES]


def test_an_intruder_finds_nothing(host: MailHost) -> None:
    token = f"intruder-{uuid4().hex}"
    host.send(message(token, "alice@example.test", "bob@example.test"))
    host.wait_for("bob", token)  # there is mail to look at
    said = host.run(*("sh", "-euc", SEND_IN, "send-in", token, *units(host)), input=INTRUDER)
    found = {line["unit"]: line for line in map(json.loads, said.splitlines())}
    assert found.keys() == set(units(host))
    for unit, answers in found.items():
        for attempt, refusals in NOWHERE.items():
            assert answers[attempt] in refusals, f"{unit}: {attempt}: {answers[attempt]}"
        assert answers["temporary file"] == "done"
        assert not answers["kernel settings"], unit
        if unit in NEVER_ROOT:  # for root ProtectProc=invisible hides nothing: proc(5), hidepid
            assert not answers["systemd's process"], unit
        seen = {
            place
            for place in ("home", "mail", "signing keys", "logins", "tables")
            if isinstance(answers[place], list) and answers[place]
        }
        assert seen == SEES[unit.removesuffix("@-")], unit
    host.run("test", "!", "-e", f"/tmp/{token}")  # it was in a folder of the service's own


# CHOWN, DAC_OVERRIDE, KILL, SETGID, SETUID, NET_BIND_SERVICE, SYS_CHROOT: capability(7).
ROOTS_RIGHTS = sum(1 << number for number in (0, 1, 5, 6, 7, 10, 18))
STATUS = """
for unit; do
  group=$(systemctl show -P ControlGroup "$unit.service")
  sed 's|$|/status|; s|^|/proc/|' "/sys/fs/cgroup$group/cgroup.procs" |
    xargs awk -v unit="$unit" '/^(Name|CapBnd|NoNewPrivs|Seccomp):/ { printf $2 " " }
      /^Seccomp:/ { print unit }'
done
"""


def test_every_process_of_a_service_is_in_the_sandbox(host: MailHost) -> None:
    with host.imap("alice"), host.smtp(465, "bob"):
        said = host.run("sh", "-euc", STATUS, "status", *units(host))
    processes = [line.split() for line in said.splitlines()]
    assert {"imap", "smtpd", "opendkim", "opendmarc", "postsrsd"} <= {
        name for name, *_ in processes
    }
    for name, bound, no_new_privileges, seccomp, unit in processes:
        rights = 0 if unit in NEVER_ROOT else ROOTS_RIGHTS
        assert int(bound, 16) & ~rights == 0, (name, bound)
        assert (no_new_privileges, seccomp) == ("1", "2"), name


def test_systemd_understands_every_line(host: MailHost) -> None:
    services = [f"{unit}.service" for unit in units(host)]
    said = host.run("sh", "-c", 'systemd-analyze verify --man=no "$@" 2>&1', "verify", *services)
    assert "mailhost.conf" not in said


# Debian 13's own unit forbids master(8) to end its processes: it span, and took no connection any
# more, until the last client of the service that had gone went as well.
DROP_SERVICE = """
cp -p /etc/postfix/master.cf /root/master.cf
exec 3<> /dev/tcp/127.0.0.1/10026
read -r -t 10 -u 3
postconf -MX 127.0.0.1:10026/inet
postfix reload 2> /dev/null
exec 4<> /dev/tcp/127.0.0.1/25
read -r -t 10 -u 4 answer || answer=frozen
mv /root/master.cf /etc/postfix/master.cf
exec 3>&-
mkdir -p /run/mailhost
touch /run/mailhost/postfix
postfix reload 2> /dev/null
echo "$answer"
"""


def test_a_reload_that_drops_a_service_does_not_wait_for_its_clients(host: MailHost) -> None:
    answer = host.run("bash", "-euc", DROP_SERVICE)
    assert answer.strip() == f"220 {host.hostname} ESMTP"
