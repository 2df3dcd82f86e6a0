"""services/limits.py: what settings make of the limits, and their error lines."""

from __future__ import annotations

import json
from datetime import date

import pytest
from limits.plan import LIMITS, Plan, daily_cap

import services.limits
from settings.parsing import parse
from tests.inventory import data, settings


def test_the_plan_is_what_the_service_reads() -> None:
    host_settings = settings(mail_warmup={"start": "2026-12-01"}, mail_limits={"messages_day": 5})
    plan = Plan(**json.loads(json.dumps(services.limits.plan(host_settings))))
    assert set(plan.limits) == set(LIMITS)
    assert plan.limits["messages_day"] == 5
    assert plan.warmup
    assert daily_cap(plan.warmup, date(2026, 12, 4)) == 100
    assert (plan.domains, plan.owner) == (["example.org", "second.org"], "root@example.org")


def test_without_limits_nothing_runs_but_for_a_warmup() -> None:
    for none in ({"mail_limits": dict.fromkeys(LIMITS, 0)}, {}):
        host_settings = settings(**none)
        if not none:
            host_settings = host_settings.model_copy(update={"mail_limits": None})
        assert not services.limits.enabled(host_settings)
    warmup = {"start": "2026-12-01"}
    host_settings = settings(mail_limits=dict.fromkeys(LIMITS, 0), mail_warmup=warmup)
    assert services.limits.enabled(host_settings)


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("mail_limits", {"messages_week": 1}, "did you mean messages_"),
        ("mail_limits", {"messages_day": -1}, "greater than or equal to 0; write it like 500"),
        ("mail_limits", 5, "mail_limits: "),
        ("mail_warmup", {}, "mail_warmup.start: is missing; write one like '2026-12-01'"),
        ("mail_warmup", {"start": "soon"}, "mail_warmup.start: "),
        ("mail_from_header", "lax", "'strict' or 'off'"),
    ],
)
def test_errors_are_one_line_with_the_remedy(key: str, value: object, problem: str) -> None:
    (said,) = parse(data(**{key: value}))[1]
    assert problem in said
