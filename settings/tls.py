"""
Where the certificate comes from: the settings in `mail_tls`, one model for each `mode`.

Each model says of itself what others ask:

+ starts_self_signed: the host makes a certificate itself, for good or until it gets another
+ trusted_by_others: mail programs and other hosts trust it without being told to
+ renewed_by_host: a timer on the host looks after it
+ follows_files: files that other software keeps on the host
+ answered_by: what answers an authority: "http" (port 80), "dns", "hook"; "" where none asks
+ key_stays: a renewed certificate has the old one's key, so that TLSA records stay right
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    model_validator,
)

from settings.base import Model, contradictions
from settings.values import https_url, key_identifier, mail_address, name_server, path_on_host

LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"

Answer = Literal["", "http", "dns", "hook"]


class SelfSigned(Model):
    """A certificate that the host makes itself."""

    starts_self_signed: ClassVar[bool] = True
    trusted_by_others: ClassVar[bool] = False
    renewed_by_host: ClassVar[bool] = False
    follows_files: ClassVar[bool] = False
    answered_by: ClassVar[Answer] = ""
    key_stays: ClassVar[bool] = True

    mode: Literal["self-signed"] = Field(
        "self-signed",
        description="`self-signed` is made on the host; `acme` comes from a certification "
        "authority (RFC 8555), and is renewed by the host itself; `files` brings a certificate and "
        "its key from the control machine; `host-files` follows those that other software, like "
        "acme.sh, keeps on the host.",
        examples=["acme"],
    )


class Files(Model):
    """A certificate and its key that the inventory brings from the control machine."""

    starts_self_signed: ClassVar[bool] = False
    trusted_by_others: ClassVar[bool] = True
    renewed_by_host: ClassVar[bool] = False
    follows_files: ClassVar[bool] = False
    answered_by: ClassVar[Answer] = ""
    key_stays: ClassVar[bool] = False

    mode: Literal["files"]
    cert: str = Field(
        description="With `files`: path on the control machine of certificate and chain (PEM). "
        "With `host-files`: on the host.",
        examples=["~/certs/mail.example.org/fullchain.pem"],
    )
    key: str = Field(
        description="With `files`: path on the control machine of the private key (PEM). With "
        "`host-files`: on the host.",
        examples=["~/certs/mail.example.org/privkey.pem"],
    )


class HostFiles(Model):
    """A certificate and its key that other software keeps on the host."""

    starts_self_signed: ClassVar[bool] = True
    trusted_by_others: ClassVar[bool] = True
    renewed_by_host: ClassVar[bool] = True
    follows_files: ClassVar[bool] = True
    answered_by: ClassVar[Answer] = ""
    key_stays: ClassVar[bool] = False

    mode: Literal["host-files"]
    cert: Annotated[str, AfterValidator(path_on_host)]
    key: Annotated[str, AfterValidator(path_on_host)]


class Acme(Model):
    """A certificate from a certification authority (ACME, RFC 8555)."""

    starts_self_signed: ClassVar[bool] = True
    trusted_by_others: ClassVar[bool] = True
    renewed_by_host: ClassVar[bool] = True
    follows_files: ClassVar[bool] = False

    mode: Literal["acme"]
    email: Annotated[str | None, AfterValidator(mail_address)] = Field(
        None,
        description="With `acme`: the account's address, for authorities that write to it.",
        examples=["admin@example.org"],
    )
    directory_url: Annotated[str, AfterValidator(https_url)] = Field(
        LETS_ENCRYPT,
        description="With `acme`: the authority's directory; Let's Encrypt's unless another is "
        "given. Its staging one is for trying out.",
        examples=["https://acme-staging-v02.api.letsencrypt.org/directory"],
    )
    dns_server: Annotated[str | None, AfterValidator(name_server)] = Field(
        None,
        description="With `acme`: primary name server of the host's names, as host or host:port. "
        "The authority is answered in DNS (DNS-01) by RFC 2136 updates there, instead of on port "
        "80 (HTTP-01).",
        examples=["ns1.example.net"],
    )
    dns_key: str | None = Field(
        None,
        description="With `dns_server`: path on the control machine of its TSIG key, as "
        "`tsig-keygen` prints it.",
        examples=["~/secrets/acme-tsig.key"],
    )
    hook: str | None = Field(
        None,
        description="With `acme`: path on the control machine of a program that answers the "
        "authority instead, run on the host as uacme(1) runs its own: `begin`, `done` or `failed`, "
        "challenge type, name, token, answer. It may write below /var/www.",
        examples=["~/acme/hook.sh"],
    )
    eab_kid: Annotated[str | None, AfterValidator(key_identifier)] = Field(
        None,
        description="With `acme`: key identifier of the account at an authority that wants one "
        "(external account binding).",
        examples=["kid-1"],
    )
    eab_key: str | None = Field(
        None,
        description="With `eab_kid`: path on the control machine of a file with its HMAC key, in "
        "one line as the authority shows it (base64url).",
        examples=["~/secrets/acme-eab.key"],
    )
    reuse_key: bool = Field(
        False,
        description="With `acme`: renewals keep the private key, so that DANE records (TLSA 3 1 1) "
        "hold.",
        examples=[True],
    )

    @property
    def answered_by(self) -> Answer:
        """What answers the authority."""
        return "hook" if self.hook else "dns" if self.dns_server else "http"

    @property
    def key_stays(self) -> bool:
        """Whether a renewed certificate has the old one's key."""
        return self.reuse_key

    @model_validator(mode="wrap")
    @classmethod
    def _agrees(cls, value: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        acme, found = handler(value), {}
        if acme is value:  # pydantic takes an instance as it is
            return acme
        if acme.hook and acme.dns_server:
            found["hook"] = "dns_server answers the authority already; keep one of the two"
        for one, other in (("dns_server", "dns_key"), ("eab_kid", "eab_key")):
            for given, missing in ((one, other), (other, one)):
                if getattr(acme, given) and not getattr(acme, missing):
                    found[missing] = f"is missing; {given} needs it"
        if found:
            raise contradictions(found)
        return acme


def _plain(value: object) -> object:
    """Return an inventory's dict with its mode, and without a cert or key that is None or empty."""
    if not isinstance(value, dict):
        return value
    empty = {name for name in ("cert", "key") if value.get(name, "") in (None, "")}
    given = {name: part for name, part in value.items() if name not in empty}
    return {"mode": "self-signed", **given}


Tls = Annotated[
    Annotated[SelfSigned | Files | HostFiles | Acme, Field(discriminator="mode")],
    BeforeValidator(_plain),
]


def misfit(kind: str, mode: str, key: str) -> tuple[str, str] | None:
    """
    Return the path and the line for a key that a mode lacks, or that belongs to another mode.

    + kind: the type of pydantic's error; None is returned for any other type
    """
    if kind == "missing":
        return f"mail_tls.{key}", f"is missing; '{mode}' needs both cert and key"
    if kind == "extra_forbidden" and key in Files.model_fields:
        return "mail_tls", "cert and key are for files; add 'mode': 'files'"
    if kind == "extra_forbidden" and key in Acme.model_fields:
        line = "is for an authority; add 'mode': 'acme', or leave it out"
        return f"mail_tls.{key}", line
    return None
