"""The certificate: made on the host (self-signed), or brought from files."""

from __future__ import annotations

from layout import PEM
from services.service import Configuration, File
from settings.models import Settings
from wanted.certificates import combined_pem


def configuration(settings: Settings) -> Configuration:
    """The certificate that the inventory brings (`mail_tls` mode "files"); none for self-signed."""
    pem = combined_pem(settings)
    return Configuration(None, [File(PEM, pem, mode="600", secret=True)] if pem else [])
