"""Where the certificate comes from: the settings in `mail_tls`, one model for each `mode`."""

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from settings.base import Model, merged_fields
from settings.values import HostPath, HttpsUrl, KeyIdentifier, MailAddress, NameServer

LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"


class Certificate(Model):
    """What others ask of a certificate, whatever its mode."""

    #: The host makes a certificate itself, for good or until it gets another.
    starts_self_signed: ClassVar[bool] = True
    #: Mail programs and other hosts trust it without being told to.
    trusted_by_others: ClassVar[bool] = True
    #: A timer on the host looks after it.
    renewed_by_host: ClassVar[bool] = False
    #: Other software keeps its files on the host.
    follows_files: ClassVar[bool] = False

    mode: Literal["self-signed", "files", "host-files", "acme"]

    @property
    def answered_by(self) -> Literal["", "http", "dns", "hook"]:
        """What answers an authority, "http" on port 80; "" where none asks."""
        return ""

    @property
    def key_stays(self) -> bool:
        """Whether a renewed certificate has the old one's key, so that TLSA records stay right."""
        return False


class SelfSigned(Certificate):
    """A certificate that the host makes itself."""

    trusted_by_others = False
    key_stays: ClassVar[bool] = True

    mode: Literal["self-signed"] = Field("self-signed", examples=["acme"])
    """`self-signed` is made on the host; `acme` comes from a certification authority (RFC 8555),
    and is renewed by the host itself; `files` brings a certificate and its key from the control
    machine; `host-files` follows those that other software, like acme.sh, keeps on the host."""


class Files(Certificate):
    """A certificate and its key that the inventory brings from the control machine."""

    starts_self_signed = False

    mode: Literal["files"]
    cert: str = Field(examples=["~/certs/mail.example.org/fullchain.pem"])
    """With `files`: path on the control machine of certificate and chain (PEM). With `host-files`:
    on the host."""
    key: str = Field(examples=["~/certs/mail.example.org/privkey.pem"])
    """With `files`: path on the control machine of the private key (PEM). With `host-files`: on the
    host."""


class HostFiles(Certificate):
    """A certificate and its key that other software keeps on the host."""

    renewed_by_host = True
    follows_files = True

    mode: Literal["host-files"]
    cert: HostPath
    key: HostPath


class Acme(Certificate):
    """A certificate from a certification authority (ACME, RFC 8555)."""

    renewed_by_host = True

    mode: Literal["acme"]
    email: MailAddress | None = Field(None, examples=["admin@example.org"])
    """With `acme`: the account's address, for authorities that write to it."""
    directory_url: HttpsUrl = Field(
        LETS_ENCRYPT, examples=["https://acme-staging-v02.api.letsencrypt.org/directory"]
    )
    """With `acme`: the authority's directory; Let's Encrypt's unless another is given. Its staging
    one is for trying out."""
    dns_server: NameServer | None = Field(None, examples=["ns1.example.net"])
    """With `acme`: primary name server of the host's names, as host or host:port. The authority is
    answered in DNS (DNS-01) by RFC 2136 updates there, instead of on port 80 (HTTP-01)."""
    dns_key: str | None = Field(None, examples=["~/secrets/acme-tsig.key"])
    """With `dns_server`: path on the control machine of its TSIG key, as `tsig-keygen` prints
    it."""
    hook: str | None = Field(None, examples=["~/acme/hook.sh"])
    """With `acme`: path on the control machine of a program that answers the authority instead, run
    on the host as uacme(1) runs its own: `begin`, `done` or `failed`, challenge type, name, token,
    answer. It may write below /var/www."""
    eab_kid: KeyIdentifier | None = Field(None, examples=["kid-1"])
    """With `acme`: key identifier of the account at an authority that wants one (external account
    binding)."""
    eab_key: str | None = Field(None, examples=["~/secrets/acme-eab.key"])
    """With `eab_kid`: path on the control machine of a file with its HMAC key, in one line as the
    authority shows it (base64url)."""
    reuse_key: bool = Field(False, examples=[True])
    """With `acme`: renewals keep the private key, so that DANE records (TLSA 3 1 1) hold."""

    @property
    def answered_by(self) -> Literal["http", "dns", "hook"]:
        return "hook" if self.hook else "dns" if self.dns_server else "http"

    @property
    def key_stays(self) -> bool:
        return self.reuse_key

    def contradictions(self) -> dict[str, str]:
        """Return path -> what is wrong, for keys that are right alone and not together."""
        found = {}
        if self.hook and self.dns_server:
            found["mail_tls.hook"] = "dns_server answers the authority already; keep one of the two"
        for one, other in (("dns_server", "dns_key"), ("eab_kid", "eab_key")):
            for given, missing in ((one, other), (other, one)):
                if getattr(self, given) and not getattr(self, missing):
                    found[f"mail_tls.{missing}"] = f"is missing; {given} needs it"
        return found


_MODES: dict[str, type[Certificate]] = {
    "self-signed": SelfSigned,
    "files": Files,
    "host-files": HostFiles,
    "acme": Acme,
}


def _by_mode(value: object) -> Certificate:
    """Return the model of the mode that a dict names; an empty cert or key counts as left out."""
    if not isinstance(value, dict):
        return Certificate.model_validate(value)
    empty = {name for name in ("cert", "key") if value.get(name, "") in (None, "")}
    given = {"mode": "self-signed"} | {name: value[name] for name in value if name not in empty}
    if model := _MODES.get(str(given["mode"])):
        return model.model_validate(given)
    # The mode is wrong: only keys that no mode has are wrong as well.
    known = merged_fields(_MODES.values()).keys() - {"mode"}
    return Certificate.model_validate({name: given[name] for name in given if name not in known})


Tls = Annotated[
    SelfSigned | Files | HostFiles | Acme, Field(discriminator="mode"), BeforeValidator(_by_mode)
]
