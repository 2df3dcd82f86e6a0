"""Paths, ports and accounts of a mail host that two or more modules share."""

from __future__ import annotations

#: Where all mail lives, and the ids of its owner (vmail) on a host that has no such account yet.
MAIL_FOLDER = "/var/vmail"
VMAIL_IDS = (5000, 5000)

#: Private key, certificate and chain in one file, so that a rename replaces them all at once.
PEM = "/etc/ssl/mail/mail.pem"

#: Where the private DKIM keys are: DOMAIN/SELECTOR.private.
DKIM_KEYS = "/etc/dkimkeys"

#: Files of our own on the host: configuration, programs, and for root only the way back.
ETC = "/etc/mailhost"
LIBRARY = "/usr/local/lib/mailhost"
STATE = "/var/lib/mailhost"
#: What the files of a change that is not confirmed were before it, see operations/transaction.py.
KEPT = f"{STATE}/kept"

#: What the web server serves. All of it is ours: anything else there is left over from other
#: settings.
WEB = f"{ETC}/web"

#: Where a service keeps the time of its last reload by us: gone after a reboot, as it should be.
STAMPS = "/run/mailhost"

#: TCP ports of the mail services -> how TLS begins there, as openssl-s_client(1) names it; "" where
#: it does at once.
TLS_PORTS = {25: "smtp", 110: "pop3", 143: "imap", 465: "", 587: "smtp", 993: "", 995: ""}
#: Where settings for mail programs and the MTA-STS policy are served.
HTTPS_PORT = 443
