"""
Data that all hosts of a site share. A host's own data wins over it, key by key.

Write only what is the same everywhere: a key here is set for the demo as well. For example:

    mail_dmarc_policy = "reject"        # once the reports show that nothing legitimate fails
    mail_dkim_selector = "mail2025"
    mail_message_size_limit = 25 * 1024**2
"""
