"""MTA-STS (RFC 8461): the policy by which other hosts verify TLS to this one, and its record."""

from __future__ import annotations

import hashlib

from settings.models import Settings

PATH = ".well-known/mta-sts.txt"
#: Seconds for which others keep the policy: short in testing, so that they soon forget a mistake.
MAX_AGE = {"testing": 86400, "enforce": 7 * 86400}


def enabled(settings: Settings) -> bool:
    """Whether the settings want a policy."""
    return settings.mail_mta_sts != "off"


def policy(settings: Settings) -> str:
    """Return the policy. It is the same for every domain: all have this one MX."""
    mode = settings.mail_mta_sts
    fields = {
        "version": "STSv1",
        "mode": mode,
        "mx": settings.mail_hostname,
        "max_age": str(MAX_AGE[mode]),
    }
    return "".join(f"{key}: {value}\n" for key, value in fields.items())


def record(settings: Settings) -> str:
    """Return the TXT record; others fetch the policy again when its id changes (RFC 8461, 3.1)."""
    return f"v=STSv1; id={hashlib.sha256(policy(settings).encode()).hexdigest()[:32]};"


def problems(settings: Settings) -> list[str]:
    """Return what contradicts the policy, one line each with its remedy."""
    if settings.mail_mta_sts == "enforce" and not settings.mail_tls.trusted_by_others:
        return [
            "mail_mta_sts: 'enforce' would have others keep their mail: they don't trust a "
            "self-signed certificate; set mail_tls to 'acme' or 'files', or write 'testing'"
        ]
    return []
