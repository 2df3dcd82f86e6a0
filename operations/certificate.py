"""The certificate: made on the host (self-signed), or brought from files."""

from collections.abc import Generator, Sequence
from datetime import UTC, datetime, timedelta

from pyinfra import host, logger
from pyinfra.api import StringCommand

from facts.shell import script
from facts.tls import Certificate, CertificateDue, CertificateState
from layout import PEM
from operations.operation import operation
from operations.scripts import shell

#: Apple's clients refuse a certificate that is valid for longer (support.apple.com/HT210176).
SELF_SIGNED_DAYS = 825

#: A self-signed certificate is renewed by the first run in its last 30 days.
RENEW_BEFORE = timedelta(days=30)


def renewal_reason(current: CertificateState | None, names: Sequence[str], now: datetime) -> str:
    """Return why a new self-signed certificate is needed, "" where the present one will do."""
    if current is None:
        return "there is no certificate"
    if not current.self_signed:
        return "the certificate is not self-signed"
    if not current.key_matches:
        return "the private key is not the certificate's"
    if set(current.names) != set(names):
        return "the certificate is for other names"
    if current.not_after - now < RENEW_BEFORE:
        return f"the certificate ends on {current.not_after:%Y-%m-%d}"
    return ""


@operation()
def self_signed(
    names: Sequence[str], for_a_start: bool = False
) -> Generator[StringCommand, None, None]:
    """
    Make a self-signed certificate on the host, or renew it, where needed.

    + names: host names it is for, the first is the common name (RFC 5280, RFC 6125)
    + for_a_start: only where there is none, until services/renewal.py brings another
    """
    current = host.get_fact(Certificate)
    reason = renewal_reason(current, names, datetime.now(UTC))
    if for_a_start and current and current.key_matches:
        reason = ""
    if reason:
        logger.info("%s a new certificate, since %s", host.print_prefix, reason)
        alternative_names = ",".join(f"DNS:{name}" for name in names)
        text = shell("certificate/self_signed.sh")
        yield script(text, PEM, names[0], alternative_names, str(SELF_SIGNED_DAYS))
    elif current and (current.owner, current.mode) != ("root:root", "600"):
        yield StringCommand("chown root:root", PEM, "&& chmod 600", PEM)
    else:
        host.noop("the certificate is valid")


@operation()
def renew() -> Generator[StringCommand, None, None]:
    """
    Put another certificate in place, where one is due: the services serve it at once.

    Where it can't be had, the run fails, the services keep the one that they have, and the host's
    timer tries again. The last operation of a deploy, since it may fail through no fault of the
    host.
    """
    reason = host.get_fact(CertificateDue)
    if not reason:
        host.noop("the certificate is not due")
        return
    logger.info("%s another certificate, since %s", host.print_prefix, reason)
    yield script(shell("certificate/renew.sh"))
