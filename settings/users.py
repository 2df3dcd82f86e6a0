"""A user: the settings in `mail_users`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from settings.base import Model
from settings.values import crypt_hash


class User(Model):
    """One mailbox and its login."""

    password_hash: Annotated[str | None, AfterValidator(crypt_hash)] = Field(
        None,
        description="crypt(3) hash of the password, as `make password` prints it. Required unless "
        "the state is absent. A check takes 1.6 ms for `$6$`, 19 for `$y$`, 50 for `$2b$10$`.",
        examples=["$6$…"],
    )
    state: Literal["present", "absent"] = Field(
        "present",
        description="`absent` removes the user: no login, no delivery, open sessions end, and the "
        "mail goes as `mail` says.",
        examples=["absent"],
    )
    mail: Literal["archive", "purge"] = Field(
        "archive",
        description="What happens to the mail of a user who is absent: into a dated tar file in "
        "`/var/vmail/.archive`, or deleted.",
        examples=["purge"],
    )
