"""
How much a login may send: a policy service for Postfix's submission smtpd (SMTPD_POLICY_README).

A stolen password sends as much as it can. Each login has limits on messages, on recipients, and on
recipients it never wrote to before. A new host has one on what all logins together send to other
hosts (mail_warmup). A message over a limit gets 450 at DATA and is not counted; the owner is told
once a day.

systemd starts it when Postfix connects (mailhost-limits.socket), and it ends when nobody is
connected any more. It is one process, so that its memory does not grow with the sessions, and needs
Debian's Python alone.
"""
