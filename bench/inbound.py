"""What verifying SPF, DKIM and DMARC of arriving mail costs (`make bench-inbound`)."""

from __future__ import annotations

from bench.two_targets import TwoTargets, seconds, two_targets
from testbed.messages import message, signing_domain

MESSAGES, SESSIONS = 1000, 10
ARRIVED = 'until [ -z "$(ls /var/spool/postfix/incoming /var/spool/postfix/active | \
    grep -v :)" ]; do sleep 0.02; done'


def deliver(pair: TwoTargets) -> None:
    """Send MESSAGES signed messages to port 25, and wait until the queue is empty."""
    source = f"smtp-source -s {SESSIONS} -m {MESSAGES} -f someone@signer.example"
    recipient = f"-t alice@example.test -F /root/message {pair.deployed.address}:25"
    pair.by_hand.exec("sh", "-c", f"{source} {recipient}")
    pair.deployed.exec("sh", "-c", ARRIVED)


def measure(release: int) -> None:
    """Print what the verification of arriving mail costs on one release."""
    with two_targets(release) as pair:
        pair.install()
        pair.world.name_address(pair.by_hand.address, "mx.signer.example")
        sign = signing_domain(pair.world, "signer.example")
        mail = message("bench", "someone@signer.example", "alice@example.test").as_bytes()
        signed = sign(mail.replace(b"\n", b"\r\n")).replace(b"\r\n", b"\n")
        pair.by_hand.exec("sh", "-c", "cat > /root/message", input=signed)
        print(f"Debian {release}: {MESSAGES} messages with a DKIM signature, {SESSIONS} sessions")
        took: dict[str, float] = {}
        for mode in ("off", "mark"):
            pair.deploy(mail_dmarc_inbound=mode)
            idle = pair.memory()
            deliver(pair)  # the first time fills caches
            took[mode] = seconds(lambda: deliver(pair))
            print(
                f"  {mode:5} {MESSAGES / took[mode]:6.0f} messages/s   "
                f"{took['off'] / took[mode]:.2f} x   idle memory {idle:.1f} MB"
            )
