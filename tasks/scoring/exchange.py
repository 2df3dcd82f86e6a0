"""
Send one message through the host: by a login that lives for seconds, to a sink on the host itself.

The sink is smtp-sink(1) of Debian's postfix package on the host's loopback, in a transient unit of
systemd: even if this run is killed, the unit, its folder and the login are gone a minute later.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping

from pyinfra import host
from pyinfra.api.arguments import CONNECTOR_ARGUMENT_KEYS, pop_global_arguments

from facts.shell import script
from services.dovecot import SCORE_USERS
from services.postfix import SCORE_DOMAIN, SINK_PORT
from settings.models import Settings
from tasks.password import HashError, sha512_crypt
from tasks.reach import Place
from tasks.scoring import submission
from tasks.scoring.message import Received, compose, end_mark, parse_dump
from tasks.scoring.part import ScoreError
from wanted.addresses import score_sender

_UNIT = "mailhost-sink"

# The login is written last, and only while the sink runs: when the sink ends, so does the login.
_OPEN = f"""
set -eu
fail() {{ echo "$*" >&2; exit 1; }}
[ -f "$1" ] || fail "this host was not deployed, or not by this version: run deploy.py first"
! systemctl is-active -q {_UNIT}.service || fail "another score is on its way here: wait a minute"
[ -z "$(ss -Hltn "src 127.0.0.1:$2")" ] ||
  fail "127.0.0.1:$2 is taken on the host: find by whom with ss -ltnp"
systemd-run -q --collect --unit={_UNIT} \\
  -p DynamicUser=yes -p RuntimeDirectory={_UNIT} -p RuntimeDirectoryMode=700 \\
  -p RuntimeMaxSec=60 -p ExecStopPost="+/usr/bin/truncate -s 0 $1" \\
  /usr/sbin/smtp-sink -d /run/{_UNIT}/message. "127.0.0.1:$2" 10
until [ -n "$(ss -Hltn "src 127.0.0.1:$2")" ] && systemctl is-active -q {_UNIT}.service; do
  systemctl is-active -q {_UNIT}.service ||
    fail "the sink did not start: $(journalctl -q -n 1 -o cat _COMM=smtp-sink)"
  sleep 0.05
done
cat > "$1"
systemctl is-active -q {_UNIT}.service || {{ truncate -s 0 "$1"; fail "the sink has ended"; }}
"""

_CLOSE = f"""
systemctl stop -q {_UNIT}.service
truncate -s 0 "$1"
"""

_COLLECT = f"""
trap 'systemctl stop -q {_UNIT}.service; truncate -s 0 "$1"' EXIT
looks=0
until found=$(grep -lrsF -e "$2" /run/{_UNIT}); do
  looks=$((looks + 1))
  [ "$looks" -lt 200 ] && systemctl is-active -q {_UNIT}.service || {{
    last=$(journalctl -q -n 1 -o cat -t postfix/smtp -t postfix/qmgr -t postfix/cleanup)
    echo "the message did not come out of the host; Postfix's last word: $last" >&2
    exit 1
  }}
  sleep 0.1
done
base64 "$found"
"""


def exchange(settings: Settings, published: Mapping[int, Place]) -> Received:
    """Submit one message, and return it as it left the host; ScoreError says why that failed."""
    sender, token = score_sender(settings), secrets.token_hex(16)
    message = compose(sender, f"robin@{SCORE_DOMAIN}", token)
    password = secrets.token_urlsafe(24)
    try:
        login = f"{sender}:{{CRYPT}}{sha512_crypt(password)}::::::\n"
    except HashError as error:
        raise ScoreError(str(error)) from None
    with submission.connect(settings, published) as client:
        _on_host(_OPEN, SCORE_USERS, str(SINK_PORT), stdin=login)
        try:
            submission.send(client, sender, password, message)
        except BaseException:
            _on_host(_CLOSE, SCORE_USERS)
            raise
    dump = _on_host(_COLLECT, SCORE_USERS, end_mark(token))
    try:
        return parse_dump(base64.b64decode("".join(dump)))
    except ValueError as error:
        raise ScoreError(f"the sink wrote something else: {error}") from None


def _on_host(text: str, *arguments: str, stdin: str | None = None) -> list[str]:
    """Run a script on the host at once, as pyinfra runs facts; return its output."""
    found, _ = pop_global_arguments(host.state, host, {})
    connector = {key: value for key, value in found.items() if key in CONNECTOR_ARGUMENT_KEYS}
    command = script(text, *arguments, stdin=stdin)
    done, output = command.execute(host.state, host, connector)  # type: ignore[arg-type]
    if not done:
        said = " ".join(output.stderr_lines) or "the connection to the host ended"
        raise ScoreError(said)
    return list(output.stdout_lines)
