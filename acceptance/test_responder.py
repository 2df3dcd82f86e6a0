"""What answers an authority on port 80, while others hold connections to it."""

from __future__ import annotations

import time

from acceptance.support.mailhost import MailHost
from acceptance.support.outside import trickling
from testbed.inventory import ROOT
from testbed.wait import wait_until

RESPONDER = """
mkdir -p /root/challenges && echo thumbprint > /root/challenges/token
cat > /root/responder.py
systemd-run -q --collect --unit=responder --property=TasksMax=64 \
  python3 -IS /root/responder.py /root/challenges sleep 300
"""
ASK = """
import sys, urllib.request
url = "http://127.0.0.1/.well-known/acme-challenge/token"
for _ in range(5):
    sys.stdout.write(urllib.request.urlopen(url, timeout=10).read().decode())
"""


def test_clients_that_trickle_keep_nobody_from_an_answer(host: MailHost) -> None:
    program = (ROOT / "remote/renewal/responder.py").read_text()
    host.run("sh", "-euc", RESPONDER, input=program)
    try:
        wait_until(lambda: host.run("ss", "-Hltn", "sport = 80"), 10, "it listens")
        with trickling(host):
            time.sleep(3)
            assert host.run("python3", "-c", ASK) == "thumbprint\n" * 5
            time.sleep(6)
            assert host.run("python3", "-c", ASK) == "thumbprint\n" * 5
    finally:
        host.run("systemctl", "stop", "responder", check=False)
        host.run("rm", "-r", "/root/challenges", "/root/responder.py")
