"""
Send one message through the host: by a login that lives for seconds, to a sink on the host itself.

The sink is smtp-sink(1) of Debian's postfix package on the host's loopback, in a transient unit of
systemd: even if this run is killed, the unit, its folder and the login are gone a minute later.
"""

import base64
import secrets

from pyinfra import host
from pyinfra.api.arguments import CONNECTOR_ARGUMENT_KEYS, pop_global_arguments

from facts.shell import script
from facts.tls import Certificate
from operations.scripts import shell
from services.dovecot import SCORE_USERS
from services.postfix import SCORE_DOMAIN, SINK_PORT
from settings.models import Settings
from tasks.password import HashError, sha512_crypt
from tasks.reach import Places
from tasks.scoring import submission
from tasks.scoring.message import Received, compose, end_mark, parse_dump
from tasks.scoring.part import ScoreError
from wanted.addresses import score_sender

_UNIT = "mailhost-sink"


def exchange(settings: Settings, published: Places) -> Received:
    """Submit one message, and return it as it left the host; ScoreError says why that failed."""
    sender, token = score_sender(settings), secrets.token_hex(16)
    message = compose(sender, f"robin@{SCORE_DOMAIN}", token)
    password = secrets.token_urlsafe(24)
    try:
        login = f"{sender}:{{CRYPT}}{sha512_crypt(password)}::::::\n"
    except HashError as error:
        raise ScoreError(str(error)) from None
    certificate = host.get_fact(Certificate)
    with submission.connect(settings, published, certificate) as client:
        _on_host("score/open.sh", str(SINK_PORT), stdin=login)
        try:
            submission.send(client, sender, password, message)
        except BaseException:
            _on_host("score/close.sh")
            raise
    dump = _on_host("score/collect.sh", end_mark(token))
    try:
        return parse_dump(base64.b64decode("".join(dump)))
    except ValueError as error:
        raise ScoreError(f"the sink wrote something else: {error}") from None


def _on_host(name: str, *arguments: str, stdin: str | None = None) -> list[str]:
    """Run a script of remote/score on the host at once, as facts run; return its output."""
    found, _ = pop_global_arguments(host.state, host, {})
    connector = {key: value for key, value in found.items() if key in CONNECTOR_ARGUMENT_KEYS}
    command = script(shell(name), _UNIT, SCORE_USERS, *arguments, stdin=stdin)
    done, output = command.execute(host.state, host, connector)  # type: ignore[arg-type]
    if not done:
        raise ScoreError(" ".join(output.stderr_lines) or "the connection to the host ended")
    return list(output.stdout_lines)
