"""
Production, over SSH: copy this file to inventories/prod.py (git ignores it), or to a repository of
your own, and make it yours. Then:

    make plan   INVENTORY=inventories/prod.py     what would change
    make deploy INVENTORY=inventories/prod.py     change it; run it again at any time
    make dns    INVENTORY=inventories/prod.py     the DNS records to publish

docs/settings.md explains every `mail_…` key. `--data KEY=VALUE` wins over a host's data, and a
host's data over what all hosts share (group_data/all.py beside this file).

A list at this level is a group of hosts, whatever its name; begin any other list's name with `_`.
"""

mail = [
    (
        "mail.example.org",  # where SSH finds it: a name or an address
        {
            # --- How to reach it: a sudo user and a key; root's login can stay forbidden.
            "ssh_user": "admin",
            "ssh_key": "~/.ssh/id_ed25519",
            # "ssh_port": 22,
            "_sudo": True,
            # sudo without a password, as `admin ALL=(ALL) NOPASSWD: ALL` in /etc/sudoers.d/admin
            # gives it; else "ssh_user": "root" with a key. Whoever has an account on the host could
            # read a password that pyinfra passes on, in the list of processes.
            #
            # --- Its name, which must not be one of the mail domains. In the provider's panel, set
            # the address's reverse name (PTR) to the same.
            "mail_hostname": "mail.example.org",
            # The first is the primary domain: names without a domain belong to it.
            "mail_domains": ["example.org", "second.example"],
            # More names of the host for mail programs, in DNS and in the certificate.
            "mail_client_names": ["imap", "smtp"],
            # Public addresses, for the DNS records.
            "mail_ipv4": "192.0.2.25",
            # "mail_ipv6": "2001:db8::25",
            #
            # --- Who has a mailbox. `make password` prints a hash; never write a password here.
            "mail_users": {
                "alice": {"password_hash": "$6$… as `make password` prints it"},
                "carol@second.example": {"password_hash": "$6$… as `make password` prints it"},
                # Removed; the mail stays in a dated archive ("mail": "purge" deletes it):
                # "bob": {"state": "absent"},
            },
            "mail_aliases": {
                # Receives the machine's own mail, and that of postmaster, abuse and so on.
                "root": ["alice"],
                "sales": ["alice", "carol@second.example"],
                # "old-name@second.example": ["alice", "alice@elsewhere.example"],
            },
            #
            # --- The certificate: self-signed, Let's Encrypt's, or yours (paths on this machine).
            "mail_tls": {"mode": "self-signed"},
            # "mail_tls": {"mode": "acme", "email": "admin@example.org"},
            # "mail_tls": {"mode": "files", "cert": "~/tls/fullchain.pem", "key": "~/tls/key.pem"},
            #
            # --- Refuse forgeries of domains that say "reject" (the default only marks them).
            # "mail_dmarc_inbound": "enforce",
            #
            # --- Over HTTPS: settings that mail programs find by themselves, and a policy by which
            # others send in verified TLS only ("testing", then "enforce"). Needs a CA certificate.
            # "mail_web": True,
            # "mail_mta_sts": "testing",
            #
            # --- More DNS: who may issue certificates, and your domains that have no mail.
            # "mail_caa_issuers": ["letsencrypt.org"],
            # "mail_null_domains": ["example.net"],
            #
            # --- Where the provider blocks port 25: a smarthost, and a file with `user:password`.
            # "mail_relayhost": "smtp.example.net:587",
            # "mail_relayhost_credentials": "~/secrets/smarthost",
            #
            # --- Swap for a small machine (bytes, 0 for none), and the largest message.
            # "mail_swap_size": 1024**3,
            # "mail_message_size_limit": 50 * 1024**2,
        },
    ),
]
