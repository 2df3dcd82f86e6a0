"""The drift of the current host, from six facts, and a seventh where a file changed."""

from datetime import UTC, datetime

from pyinfra import host
from pyinfra.api import DeployError

from facts.configuration import FileContents, ManagedFiles
from facts.firewall import Firewall
from facts.live import Live
from facts.machine import Machine
from facts.packages import Packages
from facts.services import Services
from layout import MAIL_FOLDER, PORTS_WITH_TLS
from preflight import checked_settings
from services.all import ALL
from services.configuration import configurations, served_ports, wanted_packages, watched
from tasks.drifts import judge
from tasks.drifts.judge import Seen
from tasks.drifts.report import Report


def report() -> Report:
    """Compare the current host with its inventory. Raises DeployError if it is no mail host yet."""
    now = datetime.now(UTC)
    machine = host.get_fact(Machine)
    settings = checked_settings(machine)
    wanted = list(configurations(ALL, settings, machine).values())
    units = host.get_fact(Services, watched=watched(ALL))
    if "postfix" not in units:
        raise DeployError("is no mail host yet: run deploy.py (`make deploy`) first")
    folders = [folder.path for each in ALL for folder in each.folders]
    paths = judge.paths(settings, wanted)
    states = host.get_fact(ManagedFiles, paths=paths, folders=folders)
    changed = judge.readable(wanted, states)
    texts: dict[str, str] = host.get_fact(FileContents, paths=changed) if changed else {}
    packages = host.get_fact(Packages, packages=wanted_packages(ALL, settings, machine))
    firewall = host.get_fact(Firewall)
    ports = [port for port in served_ports(ALL, settings) if port in PORTS_WITH_TLS]
    live = host.get_fact(Live, folder=MAIL_FOLDER, passwd_files=judge.PASSWD_FILES, ports=ports)
    seen = Seen(machine, packages, firewall, units, states, live, texts)
    # sshd's own port, and the one that the inventory reaches it at.
    ssh = {22, int(host.data.get("ssh_port") or 22)}
    rows = judge.rows(settings, wanted, seen, now, ssh)
    return Report(settings.mail_hostname, now, rows)
