"""Paths, ports and accounts of a mail host that two or more modules share."""

#: Where all mail lives, and the ids of its owner (vmail) on a host that has no such account yet.
MAIL_FOLDER = "/var/vmail"
VMAIL_IDS = (5000, 5000)

#: Private key, certificate and chain in one file, so that a rename replaces them all at once.
PEM = "/etc/ssl/mail/mail.pem"

#: Where the private DKIM keys are: DOMAIN/SELECTOR.private.
DKIM_KEYS = "/etc/dkimkeys"

#: Our own files on the host: configuration, programs, and saved files that only root reads.
ETC = "/etc/mailhost"
LIBRARY = "/usr/local/lib/mailhost"
STATE = "/var/lib/mailhost"
#: Files as they were before an unconfirmed change, see operations/transaction.py.
KEPT = f"{STATE}/kept"

#: What the web server serves. All of it is ours: a deploy removes anything else.
WEB = f"{ETC}/web"

#: One file a service, whose mtime is the service's last reload; gone after a reboot, like the
#: process that reloaded.
STAMPS = "/run/mailhost"

#: TCP port of a mail service -> how TLS begins there, as openssl-s_client(1) names it; "" if TLS
#: comes first.
TLS_PORTS = {25: "smtp", 110: "pop3", 143: "imap", 465: "", 587: "smtp", 993: "", 995: ""}
#: The port that serves settings for mail programs and the MTA-STS policy.
HTTPS_PORT = 443
#: Where a certificate is shown.
PORTS_WITH_TLS = frozenset({*TLS_PORTS, HTTPS_PORT})
