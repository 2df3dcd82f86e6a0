"""What clients do with the host: submit a message; and TLS on port 25."""

import hashlib
import smtplib
import ssl
from email.message import EmailMessage

from facts.tls import CertificateState
from layout import PEM
from settings.models import Settings
from tasks.reach import Place, Places, places
from tasks.scoring.part import Aspect, Part, ScoreError
from wanted.dns import host_addresses

#: Seconds for a connection to one address.
TIMEOUT = 5.0
#: Said in EHLO: smtplib would ask DNS for the name of this machine.
EHLO = "localhost"
TLS = Aspect("score.tls", "TLS", "STARTTLS on port 25, with a certificate", 0.5)


def _places(settings: Settings, published: Places, port: int) -> list[Place]:
    return places(port, published, [*host_addresses(settings), settings.mail_hostname])


def _lenient() -> ssl.SSLContext:
    """Accept any certificate: it may be self-signed. What gets a login is judged by `connect`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def connect(
    settings: Settings, published: Places, certificate: CertificateState | None
) -> smtplib.SMTP:
    """
    Return a session with the submission service, in TLS: on port 465, or else on 587.

    + certificate: the host's own, as it was read on the host; who shows another one gets no login
    """
    if certificate is None:
        raise ScoreError("the host has no certificate: run deploy.py, then this again")
    tried = []
    for port in (465, 587):
        for place in _places(settings, published, port):
            try:
                client = _session(place, port)
            except (OSError, smtplib.SMTPException) as error:
                tried.append(f"{place[0]}:{place[1]} ({_reason(error)})")
                continue
            if shown_by(client) == certificate.sha256:
                return client
            client.close()
            raise ScoreError(
                f"{place[0]}:{place[1]} shows another certificate than the host has in {PEM}, and "
                "got no login: somebody stands in between, or the services have to be restarted "
                "(run deploy.py)"
            )
    raise ScoreError(f"submission cannot be reached: {', '.join(tried)}")


def shown_by(client: smtplib.SMTP) -> str:
    """Return the SHA-256 of the certificate that a server has shown, and proven to be its own."""
    assert isinstance(client.sock, ssl.SSLSocket)
    return hashlib.sha256(client.sock.getpeercert(binary_form=True) or b"").hexdigest()


def _session(place: Place, port: int) -> smtplib.SMTP:
    if port == 465:
        return smtplib.SMTP_SSL(*place, local_hostname=EHLO, timeout=TIMEOUT, context=_lenient())
    client = smtplib.SMTP(*place, local_hostname=EHLO, timeout=TIMEOUT)
    try:
        client.starttls(context=_lenient())
    except BaseException:
        client.close()
        raise
    return client


def _reason(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error
        said = text.decode(errors="replace") if isinstance(text, bytes) else text
        return f"{error.smtp_code} {said}"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def send(client: smtplib.SMTP, login: str, password: str, message: EmailMessage) -> None:
    """Log in and submit the message."""
    # The host answers only when its milters have read the message.
    client.sock.settimeout(30)  # type: ignore[union-attr]
    try:
        client.login(login, password)
        client.send_message(message)
        return
    except smtplib.SMTPAuthenticationError as error:
        refusal = f"refuses the login {login} ({_reason(error)}): run deploy.py, then this again"
    except smtplib.SMTPRecipientsRefused as error:
        ((code, text),) = error.recipients.values()
        refusal = f"does not take the message: {code} {text.decode(errors='replace')}"
    except (OSError, smtplib.SMTPException) as error:
        refusal = f"does not take the message: {_reason(error)}"
    raise ScoreError(f"the host {refusal}")


def tls(settings: Settings, published: Places) -> Part:
    """Connect to port 25 and judge its TLS."""
    tried = []
    for place in _places(settings, published, 25):
        try:
            client = smtplib.SMTP(*place, local_hostname=EHLO, timeout=TIMEOUT)
        except (OSError, smtplib.SMTPException) as error:
            tried.append(f"{place[0]}:{place[1]} ({_reason(error)})")
            continue
        with client:
            return _tls_of(client)
    seen = f"port 25 cannot be reached from here: {', '.join(tried) or 'it is not published'}"
    return TLS.unknown("port 25", seen, "many networks block port 25: try from elsewhere")


def _tls_of(client: smtplib.SMTP) -> Part:
    remedy = "run deploy.py, then 'make check' for the certificate"
    try:
        client.ehlo()
        if not client.has_extn("starttls"):
            return TLS.bad("port 25", "port 25 offers no STARTTLS", remedy)
        client.starttls(context=_lenient())
    except (OSError, smtplib.SMTPException) as error:
        return TLS.bad("port 25", f"STARTTLS fails: {_reason(error)}", remedy)
    assert isinstance(client.sock, ssl.SSLSocket)
    if not client.sock.getpeercert(binary_form=True):
        return TLS.bad("port 25", "TLS without a certificate", remedy)
    return TLS.good("port 25", f"{client.sock.version()}, with a certificate")
