"""Limits against abuse: the settings in `mail_limits`, `mail_warmup` and `mail_ban`."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from settings.base import Model


class Limits(Model):
    """How much each login may send through submission; 0 is no limit."""

    messages_hour: int = Field(200, ge=0, description="Messages an hour.", examples=[100])
    messages_day: int = Field(1000, ge=0, description="Messages a day.", examples=[500])
    recipients_hour: int = Field(500, ge=0, description="Recipients an hour.", examples=[200])
    recipients_day: int = Field(2000, ge=0, description="Recipients a day.", examples=[1000])
    new_recipients_day: int = Field(
        200,
        ge=0,
        description="Recipients on other hosts a day whom this login never wrote to before (in "
        "400 days): what a thief has most of.",
        examples=[500],
    )


class Warmup(Model):
    """The plan by which a new address sends more each few days, until 10 000 a day."""

    start: date = Field(
        description="First day; the plan is over by itself.", examples=["2026-12-01"]
    )
    first_day: int = Field(
        50, ge=1, description="Recipients on other hosts a day, at first.", examples=[20]
    )
    double_every: int = Field(
        3, ge=1, description="Days after which the number doubles.", examples=[7]
    )


class Ban(Model):
    """When an address that guesses passwords is shut out, and for how long."""

    failures: int = Field(
        10,
        ge=1,
        description="Wrong passwords within an hour that lead to a ban. The same login with the "
        "same wrong password counts once.",
        examples=[5],
    )
    seconds: int = Field(3600, ge=1, description="How long the ban lasts.", examples=[86400])
