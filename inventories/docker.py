"""
The demo: targets on this machine, reachable on 127.0.0.1 only (`make deploy` starts them).

RELEASES names the Debian releases: "13" (the default), "12", or "12 13".
This file holds only data; inventories/example.py is for production.
"""

import os

# One public password for all users of the demo: only this machine reaches them.
# The hashes are of this password; make your own with `make password`.
_PASSWORD = "demo-Passw0rd"
_HASHES = {
    "alice": "$6$1bbd03830ff47e49$"
    "uELhptrD0Kmk/x2rVYIyIJaRDKPu6e/wPaaGnx.NKbH0YHAFjGE7YFNMV9FQlwnnewXMIYaoiPd24ry7hjY4W.",
    "bob": "$6$c06b30a8d5150d5d$"
    "aFAZmd05vUomsnsJJulPj972cdGrojw6wM6DZozw45Ev3Jc0.Mp7ABo5trDZC1XwWZhwrj7r4TlkKt8p3xTFl.",
    "carol@second.test": "$6$1acc29c68fbb5898$"
    "1Y2hQRaPtfYit8WrLZlI.YMN7NVFe.lQkWPvuMihresG9IOu/4fw99B6vCPMirjqgWBFR.UvzgzQtB0Tjuyj8/",
}
_HOSTNAMES = {"12": "mail12.example.test", "13": "mail.example.test"}
_PORTS = (25, 587, 465, 143, 993, 110, 995)


def _host(release: str) -> tuple[str, dict[str, object]]:
    return (
        f"@docker/mailhost-demo-{release}",
        {
            "mail_hostname": _HOSTNAMES[release],
            "mail_domains": ["example.test", "second.test"],
            "mail_client_names": ["mx", "smtp", "pop", "imap"],
            "mail_ipv4": "192.0.2.25",  # an address for documentation, as in RFC 5737
            "mail_users": {user: {"password_hash": each} for user, each in _HASHES.items()},
            "mail_aliases": {
                "root": ["alice"],
                "sales": ["alice", "bob"],
            },
            # `make check` sends nothing beyond this machine: it asks no blocklist, connects to the
            # host itself, and no name server listens at this address.
            "mail_blocklists": [],
            "mail_check_outbound": "127.0.0.1:25",
            "mail_check_resolver": "127.255.255.53",
            # For testbed/: the target, and what `make deploy` prints at the end.
            "release": int(release),
            "published_ports": {port: int(release) * 1000 + port for port in _PORTS},
            "demo_password": _PASSWORD,
        },
    )


hosts = [_host(release) for release in os.environ.get("RELEASES", "13").split()]
