"""The certificate that the inventory brings (`mail_tls` mode `files`)."""

from __future__ import annotations

from facts.machine import MachineState
from layout import PEM
from services.service import File, Place, Service, no_effect
from settings.models import Settings
from settings.tls import Files
from wanted.certificates import combined_pem


def enabled(settings: Settings) -> bool:
    """Whether the certificate comes from the control machine."""
    return isinstance(settings.mail_tls, Files)


def _pem(settings: Settings, machine: MachineState) -> str | None:
    return combined_pem(settings)


CERTIFICATE = Service(
    "certificate",
    has_unit=False,
    enabled=enabled,
    files=(
        File(
            PEM, no_effect("each service says it in `affected_by`"), _pem, mode="600", secret=True
        ),
    ),
    # Wherever it comes from.
    places=lambda _: [Place(PEM, "root:root", "600")],
    holds=(PEM.rpartition("/")[0],),
)
