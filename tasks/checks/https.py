"""Fetch one document over HTTPS as a strict client does: it follows no redirect."""

from __future__ import annotations

import http.client
import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509

from wanted.certificates import names_of, uncovered

SECONDS = 5.0
#: More than any document of ours has; another server might never stop sending.
BYTES = 64 * 1024


@dataclass(frozen=True)
class Fetched:
    """
    The answer to one request, or why there is none.

    + error: why there is no answer: no address, no connection, or a wrong certificate
    + status: of HTTP
    + type: of the content, without parameters
    """

    error: str = ""
    status: int = 0
    type: str = ""
    text: str = ""


def fetch(name: str, path: str, method: str, place: tuple[str, int], trusted: bool) -> Fetched:
    """
    Fetch https://NAME/PATH.

    + place: address and port of the server
    + trusted: whether this machine has to trust the certificate's chain; names and dates are
      judged either way
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if trusted:
        context.load_default_certs()
    else:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection(place, SECONDS) as plain_socket,
            context.wrap_socket(plain_socket, server_hostname=name) as secured,
        ):
            der = secured.getpeercert(binary_form=True)
            if fault := _fault(x509.load_der_x509_certificate(der or b""), name):
                return Fetched(error=f"the certificate is {fault}")
            return _answer(secured, name, path, method)
    except ssl.SSLCertVerificationError as error:
        return Fetched(error=f"the certificate is not right: {error.verify_message}")
    except TimeoutError:
        return Fetched(error=f"no answer in {SECONDS:g} seconds")
    except ssl.SSLError as error:
        return Fetched(error=f"no TLS: {error.reason or error}")
    except http.client.HTTPException as error:
        return Fetched(error=f"no HTTP: {type(error).__name__}")
    except OSError as error:
        return Fetched(error=error.strerror or str(error))


def _fault(certificate: x509.Certificate, name: str) -> str:
    now = datetime.now(UTC)
    if uncovered(names_of(certificate), [name]):
        return f"not for {name}"
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        return f"valid until {certificate.not_valid_after_utc:%Y-%m-%d} only"
    return ""


def _answer(secured: ssl.SSLSocket, name: str, path: str, method: str) -> Fetched:
    question = (
        f"{method} /{path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n"
        f"{'Content-Length: 0' if method == 'POST' else 'Accept: */*'}\r\n\r\n"
    )
    secured.sendall(question.encode())
    answer = http.client.HTTPResponse(secured, method=method)
    answer.begin()
    text = answer.read(BYTES).decode("utf-8", "replace")
    return Fetched(status=answer.status, type=answer.headers.get_content_type(), text=text)
