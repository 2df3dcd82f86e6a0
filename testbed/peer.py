"""
The rest of the world, in one container: names (BIND 9), an outside mail server, mail clients.

swaks, mbsync, fetchmail, curl, dig and openssl are there for `Peer.exec`.
"""

import base64
import hashlib
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

from testbed import engine, targets
from testbed.images import build, present
from testbed.progress import SetupError, only_one, say
from testbed.wait import wait_until

FOLDER = Path(__file__).parent / "programs" / "peer"
IMAGE = "mailhost-peer:latest"
RELEASE = 13
FILES = ("Dockerfile", "named.conf", "empty.zone", "sink.py", "sink.service")
HOSTNAME = "mx.world.test"
SMARTHOST_USER, SMARTHOST_PASSWORD = "relay", "relaypass"

HEADER = """\
$ORIGIN {name}.
$TTL 60
@ IN SOA ns.world.test. hostmaster.world.test. 1 60 60 60 5
@ IN NS ns.world.test.
"""

# Zones that are there are reloaded, new ones loaded; both return before BIND serves the new text.
LOAD_ZONE = """
cat > "/etc/bind/zones/$1.new"
named-checkzone -q "$1" "/etc/bind/zones/$1.new" || named-checkzone "$1" "/etc/bind/zones/$1.new"
mv "/etc/bind/zones/$1.new" "/etc/bind/zones/$1"
for zone in /etc/bind/zones/*; do
    echo "zone \\"${zone##*/}\\" { type primary; file \\"$zone\\"; };"
done > /etc/bind/zones.conf
rndc reconfig
rndc reload "$1"
"""


@dataclass(frozen=True)
class Received:
    """A message that reached the sink, and what its SMTP session said."""

    key: str
    port: int  # 25: the outside MX, 587: the smarthost
    client: str
    helo: str
    mail_from: str
    mail_options: list[str]
    rcpt_tos: list[str]
    tls: str | None  # TLSv1.3, or None: in the clear
    auth_user: str | None
    time: float
    raw: bytes = field(repr=False)

    @property
    def message(self) -> EmailMessage:
        """The message, parsed."""
        return BytesParser(EmailMessage, policy=SMTP).parsebytes(self.raw)


class Peer:
    """The container with the rest of the world in it."""

    def __init__(self, target: targets.Target, network: str) -> None:
        self.target = target
        self.address = target.address
        self.exec = target.exec
        self.network_name = network
        subnet = engine.ensure().networks.list(names=[f"^{network}$"])[0]
        subnet.reload()
        self.network = ip_network(subnet.attrs["IPAM"]["Config"][0]["Subnet"])
        self._names: dict[str, str] = {self.address: HOSTNAME}
        self._loads = 0

    def load_zone(self, name: str, text: str) -> None:
        """
        Serve a zone from now on, in place of what was served before under that name.

        A text without SOA gets one, and an NS. Returns when BIND answers with the new text.
        """
        if not re.search(r"\bSOA\b", text):
            text = HEADER.format(name=name) + text
        self._loads += 1
        mark = f"loaded-{self._loads}"
        marked = f"{text.rstrip()}\n_loaded.{name}. 0 IN TXT {mark}\n"
        self.exec("sh", "-euc", LOAD_ZONE, "load", name, input=marked)
        ask = ("dig", "+short", "+time=1", "+tries=1", "@127.0.0.1", f"_loaded.{name}", "TXT")
        wait_until(lambda: mark in self.exec(*ask, check=False), 10, f"BIND serves {name}")

    def name_address(self, address: str, hostname: str) -> None:
        """Give an address in the network a reverse name (PTR)."""
        self._names[address] = hostname
        self._load_reverse_zone()

    def forget_address(self, address: str) -> None:
        """Take an address's reverse name away."""
        self._names.pop(address, None)
        self._load_reverse_zone()

    def more_addresses(self, count: int) -> list[str]:
        """Have that many more addresses, at the far end of the network; return them."""
        last = int(self.network.broadcast_address)
        found = [str(ip_address(last - 1 - number)) for number in range(count)]
        add = 'for address; do ip address replace "$address" dev eth0; done'
        self.exec("sh", "-euc", add, "add", *(f"{each}/{self.network.prefixlen}" for each in found))
        return found

    def _load_reverse_zone(self) -> None:
        octets = max(1, self.network.prefixlen // 8)
        labels = str(self.network.network_address).split(".")[:octets]
        records = [
            f"{ip_address(each).reverse_pointer}. IN PTR {named}."
            for each, named in self._names.items()
        ]
        self.load_zone(".".join(reversed(labels)) + ".in-addr.arpa", "\n".join(records))

    def received(self) -> list[Received]:
        """Return all that reached the sink since the start or the last `clear`, oldest first."""
        kept: list[dict[str, Any]] = json.loads(self.exec("python3", "/opt/sink.py", "list"))
        return [Received(**{**each, "raw": base64.b64decode(each["raw"])}) for each in kept]

    def wait_received(self, wanted: Callable[[Received], object], timeout: float = 30) -> Received:
        """Wait for a message that `wanted` is true of, and return it."""
        return wait_until(
            lambda: next((each for each in self.received() if wanted(each)), None),
            timeout,
            "a message at the outside mail server",
        )  # type: ignore[return-value]  # it returns only what is true

    def clear(self) -> None:
        """Forget what reached the sink."""
        self.exec("sh", "-c", "rm -rf /var/mail/sink/new/* /var/mail/sink/envelopes")

    def journal(self) -> str:
        """Return the end of the container's journal."""
        return self.target.journal()

    def remove(self) -> None:
        """Remove the container."""
        self.target.remove()


def image() -> str:
    """Return the tag of the peer's image, built where it is missing or outdated."""
    base = targets.base_image(RELEASE)
    client = engine.ensure()
    with only_one("peer"):
        made, below = present(client, IMAGE), present(client, base)
        files = b"".join((FOLDER / name).read_bytes() for name in FILES)
        labels = {
            "mailhost.base": below.id if below else "",
            "mailhost.files": hashlib.sha256(files).hexdigest()[:16],
        }
        if made is None or any(made.labels.get(key) != value for key, value in labels.items()):
            build(client, IMAGE, "Image of the peer", path=str(FOLDER), labels=labels)
    return IMAGE


def spamassassin() -> str:
    """Return the command of this machine's SpamAssassin, else of the image's; "" for none."""
    if shutil.which("spamassassin"):
        return "spamassassin"
    if not (engine.answers() and shutil.which("docker")):
        say("There is no spamassassin and no Docker engine here: the score does without.")
        return ""
    try:
        return f"docker run --rm -i --network none {image()} spamassassin"
    except SetupError as error:
        say(f"The score does without SpamAssassin: {error}")
        return ""


def start_peer(network: str, name: str | None = None) -> Peer:
    """Start the rest of the world in a Docker network of that name, which is made if missing."""
    tag = image()
    targets.network(network)
    name = name or f"{network}-peer"
    target = targets.start(name, RELEASE, hostname=HOSTNAME, network=network, image=tag)
    # Its own tools ask its own BIND: named-checkzone looks up the names that a zone leads to.
    target.exec("sh", "-c", "echo nameserver 127.0.0.1 > /etc/resolv.conf")
    peer = Peer(target, network)
    peer.load_zone(
        "world.test",
        f"@ MX 10 mx\n@ A {peer.address}\nmx A {peer.address}\nns A {peer.address}\n"
        f"acme A {peer.address}\n"
        f'smarthost A {peer.address}\n@ TXT "v=spf1 mx -all"\n',
    )
    peer.name_address(peer.address, HOSTNAME)
    return peer
