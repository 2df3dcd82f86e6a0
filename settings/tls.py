"""Where the certificate comes from: the settings in `mail_tls`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from settings.values import https_url, key_identifier, mail_address, name_server

LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"


class Model(BaseModel):
    """What all settings have in common: they don't change, and have no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class Tls(Model):
    """Where the certificate of all services comes from."""

    mode: Literal["self-signed", "files", "host-files", "acme"] = Field(
        "self-signed",
        description="`self-signed` is made on the host; `acme` comes from a certification "
        "authority (RFC 8555), and is renewed by the host itself; `files` brings a certificate and "
        "its key from the control machine; `host-files` follows those that other software, like "
        "acme.sh, keeps on the host.",
        examples=["acme"],
    )
    cert: str | None = Field(
        None,
        description="With `files`: path on the control machine of certificate and chain (PEM). "
        "With `host-files`: on the host.",
        examples=["~/certs/mail.example.org/fullchain.pem"],
    )
    key: str | None = Field(
        None,
        description="With `files`: path on the control machine of the private key (PEM). With "
        "`host-files`: on the host.",
        examples=["~/certs/mail.example.org/privkey.pem"],
    )
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
