"""Limits against abuse: the settings in `mail_limits`, `mail_warmup` and `mail_ban`."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from settings.base import Model


class Limits(Model):
    """How much each login may send through submission; 0 is no limit."""

    messages_hour: int = Field(200, ge=0, examples=[100])
    """Messages an hour."""
    messages_day: int = Field(1000, ge=0, examples=[500])
    """Messages a day."""
    recipients_hour: int = Field(500, ge=0, examples=[200])
    """Recipients an hour."""
    recipients_day: int = Field(2000, ge=0, examples=[1000])
    """Recipients a day."""
    new_recipients_day: int = Field(200, ge=0, examples=[500])
    """Recipients on other hosts a day whom this login never wrote to before (in 400 days): what a
    thief has most of."""


class Warmup(Model):
    """The plan by which a new address sends more each few days, until 10 000 a day."""

    start: date = Field(examples=["2026-12-01"])
    """First day; the plan is over by itself."""
    first_day: int = Field(50, ge=1, examples=[20])
    """Recipients on other hosts a day, at first."""
    double_every: int = Field(3, ge=1, examples=[7])
    """Days after which the number doubles."""


class Ban(Model):
    """When an address that guesses passwords is shut out, and for how long."""

    failures: int = Field(10, ge=1, examples=[5])
    """Wrong passwords within an hour that lead to a ban. The same login with the same wrong
    password counts once."""
    seconds: int = Field(3600, ge=1, examples=[86400])
    """How long the ban lasts."""
