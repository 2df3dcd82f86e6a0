"""
Send one message through the host to a sink of our own, and score it as a receiving site does:
`pyinfra inventories/prod.py tasks/score.py -y` (`make score`). Leaves nothing on the host.
"""

from pyinfra import host
from pyinfra.api import DeployError
from pyinfra.api.output import echo

from facts.text import printable
from preflight import checked_settings
from tasks.reach import published_ports
from tasks.scoring.exchange import exchange
from tasks.scoring.judge import judge
from tasks.scoring.part import ScoreError, report

settings = checked_settings()
published = published_ports(host.data.get("published_ports"))
try:
    parts = judge(settings, exchange(settings, published), published)
except ScoreError as error:
    raise DeployError(printable(f"{host.name}: {error}")) from None
echo(f"\n{report(settings.mail_hostname, parts)}", err=True)
echo("\nBlocklists, certificate and all the rest: make check", err=True)
