"""The certificate from the control machine (`mail_tls` mode `files`)."""

from __future__ import annotations

from layout import PEM
from services.service import File, Place, Service, no_effect
from settings.models import Settings
from settings.tls import Files
from wanted.certificates import combined_pem


def enabled(settings: Settings) -> bool:
    """Whether the certificate comes from the control machine."""
    return isinstance(settings.mail_tls, Files)


CERTIFICATE = Service(
    "certificate",
    has_unit=False,
    enabled=enabled,
    files=(
        File(
            PEM,
            no_effect("each service says it in `affected_by`"),
            lambda settings, _: combined_pem(settings),
            mode="600",
            secret=True,
        ),
    ),
    # In every mode of `mail_tls`.
    places=lambda _: [Place(PEM, "root:root", "600")],
    holds=(PEM.rpartition("/")[0],),
)
