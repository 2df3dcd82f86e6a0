"""
Documents by which mail programs set themselves up, as pure functions of the settings: Mozilla's
autoconfig, Outlook's autodiscover, Apple's profile; and a sheet for all other programs.
"""

from __future__ import annotations

from uuid import NAMESPACE_DNS, uuid5

from settings.models import Settings
from wanted import mta_sts
from wanted.rendering import render


def documents(settings: Settings) -> dict[str, str]:
    """Return HOST/PATH -> text of all that a web server has to serve over HTTPS."""
    found: dict[str, str] = {}
    for domain in settings.mail_domains:
        found |= {
            f"autoconfig.{domain}/mail/config-v1.1.xml": autoconfig(settings, domain),
            f"autoconfig.{domain}/mail.mobileconfig": mobileconfig(settings, domain),
            f"autodiscover.{domain}/autodiscover/autodiscover.xml": autodiscover(settings, domain),
        }
        if mta_sts.enabled(settings):
            found[f"mta-sts.{domain}/{mta_sts.PATH}"] = mta_sts.policy(settings)
    return found


def autoconfig(settings: Settings, domain: str) -> str:
    """Return Mozilla's config-v1.1.xml (draft-ietf-mailmaint-autoconfig)."""
    return render("clients/config-v1.1.xml.j2", host=settings.mail_hostname, domain=domain)


def autodiscover(settings: Settings, domain: str) -> str:
    """Return Outlook's answer in plain old XML (MS-OXDSCLI), the same for every address."""
    return render("clients/autodiscover.xml.j2", host=settings.mail_hostname, domain=domain)


def mobileconfig(settings: Settings, domain: str) -> str:
    """
    Return the profile for iPhone, iPad and Mac, which asks for name, address and password.

    A profile replaces an earlier one with the same identifier. The UUIDs depend on the names only,
    so that the text stays the same.
    """
    host = settings.mail_hostname
    return render(
        "clients/mail.mobileconfig.j2",
        host=host,
        domain=domain,
        identifier=".".join(reversed(f"{domain}.{host}".split("."))),
        profile_uuid=_uuid(f"profile.{domain}.{host}"),
        account_uuid=_uuid(f"account.{domain}.{host}"),
    )


def _uuid(name: str) -> str:
    return str(uuid5(NAMESPACE_DNS, name)).upper()


def sheet(settings: Settings, user: str) -> str:
    """
    Return the settings to type into a mail program by hand, in English and Chinese.

    + user: name or address of a user of these settings

    Raises ValueError if there is no such user.
    """
    address = settings.address(user)
    if address not in settings.users:
        known = ", ".join(settings.users) or "nobody"
        raise ValueError(f"{user!r} is no user of this host; it has {known}")
    limits = settings.mail_limits.model_dump() if settings.mail_limits else {}
    return render(
        "clients/sheet.txt.j2",
        address=address,
        host=settings.mail_hostname,
        self_signed=not settings.mail_tls.trusted_by_others,
        limits=limits,
        megabytes=settings.mail_message_size_limit // 2**20,
    )
