"""No call is begun that could cost more than the budget leaves."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from cfx_flow.flows.budget import MIN_ANSWER_TOKENS, Allowed, Left, afford
from cfx_flow.flows.model import FlowFailed, Reason
from cfx_flow.stages.model import Price, Target, Upstream
from tests.flows.conftest import House
from tests.support.flows import GOOD_DIFF, PLAN_TEXT, loop, says
from tests.support.provider import CODE, Provider

UPSTREAM = Upstream("u", "http://127.0.0.1:1/v1", None)


def target(name: str, price: float) -> Target:
    return Target(UPSTREAM, name, Price(Decimal(str(price)), Decimal(str(price))), 100_000, 8_000)


CHEAP, DEAR, FREE = target("cheap", 1), target("dear", 10), target("free", 0)


def allowed(usd: str, tokens: int = 10**6, input_tokens: int = 1000) -> list[Allowed]:
    return list(afford(Left(Decimal(usd), tokens), [DEAR, CHEAP], input_tokens, lambda _: 8000))


def test_what_fits_may_be_asked_in_full() -> None:
    assert allowed("1") == [Allowed(DEAR, 8000), Allowed(CHEAP, 8000)]
    assert allowed("0.09") == [Allowed(DEAR, 8000), Allowed(CHEAP, 8000)]  # 9000 tokens at 10 USD a million


def test_the_answer_is_cut_to_what_is_left() -> None:
    assert allowed("0.08") == [Allowed(DEAR, 7000), Allowed(CHEAP, 8000)]
    assert allowed("1", tokens=6000) == [Allowed(DEAR, 5000), Allowed(CHEAP, 5000)]


def test_a_target_that_is_too_dear_is_passed_over() -> None:
    assert allowed("0.02") == [Allowed(CHEAP, 8000)]
    assert allowed("0.003") == [Allowed(CHEAP, 2000)]


@pytest.mark.parametrize(("usd", "tokens"), [("0.002", 10**6), ("0", 10**6), ("-1", 10**6), ("1", 2000)])
def test_when_nothing_fits_the_reason_says_what_is_left_and_what_is_needed(usd: str, tokens: int) -> None:
    with pytest.raises(FlowFailed) as refusal:
        allowed(usd, tokens)
    assert refusal.value.reason is Reason.BUDGET
    assert f"needs at least 0.002024 USD and {1000 + MIN_ANSWER_TOKENS} tokens" in refusal.value.message
    assert f"leaves {max(Decimal(usd), Decimal(0)):f} USD and {tokens} tokens" in refusal.value.message


def test_a_stage_that_wants_little_gets_it() -> None:
    assert afford(Left(Decimal(1), 1100), [CHEAP], 1000, lambda _: 100) == [Allowed(CHEAP, 100)]


def test_what_costs_nothing_needs_no_money_but_a_budget_that_is_used_up_ends_the_flow() -> None:
    assert afford(Left(Decimal("0.000001"), 9000), [FREE], 1000, lambda _: 8000) == [Allowed(FREE, 8000)]
    with pytest.raises(FlowFailed):
        afford(Left(Decimal(0), 9000), [FREE], 1000, lambda _: 8000)


async def test_a_budget_that_cannot_pay_the_first_call_pays_none(house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    flow = await house.run(budget={"usd": 0.0001})
    assert (flow["status"], flow["reason"]) == ("failed", "budget")
    assert "leaves 0.0001 USD" in flow["message"]
    assert not provider.calls()
    assert flow["cost_usd"] == 0


async def test_a_call_may_write_no_more_than_the_budget_leaves(house: House, provider: Provider) -> None:
    usage = {"prompt_tokens": 4000, "completion_tokens": 1000}
    provider.script(*loop([says(GOOD_DIFF)], plan=[says(PLAN_TEXT, usage=usage)]))
    flow = await house.run(budget={"tokens": 9000})
    assert flow["status"] == "approved"
    body = provider.calls(CODE)[0]["body"]
    asked = sum(len(message["content"].encode()) for message in body["messages"])
    assert 1024 <= body["max_tokens"] < 4000
    assert body["max_tokens"] + asked // 3 <= 4000


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": -(10**9), "completion_tokens": -(10**9)},
        {"prompt_tokens": 10**30, "completion_tokens": 1e300, "total_tokens": 1},
        {"prompt_tokens": "many", "completion_tokens": "few", "prompt_tokens_details": [7]},
        {"prompt_tokens_details": {"cached_tokens": -(10**12)}, "cost": -5},
        {"cost": 0},
    ],
    ids=["negative", "huge", "words", "cached", "no price"],
)
async def test_nonsense_in_a_usage_neither_fills_the_budget_nor_ends_the_flow(
    house: House, provider: Provider, usage: dict[str, Any]
) -> None:
    """A proxy that has no price for a model reports 0."""
    provider.script(*loop([says(GOOD_DIFF)], plan=[says(PLAN_TEXT, usage=usage)]))
    flow = await house.run()
    assert flow["status"] == "approved", flow["message"]
    plan = flow["stages"]["plan"]
    assert 0 < plan["cost_usd"] < 0.1
    assert 0 < plan["input_tokens"] < 10_000
    assert 0 < plan["output_tokens"] < 10_000


@pytest.mark.parametrize(
    "usage", [{"cost": 1e300}, {"prompt_tokens": 2**31 - 1, "completion_tokens": 2**31 - 1}]
)
async def test_more_than_a_column_holds_is_a_budget_used_up_and_no_error(
    any_house: House, provider: Provider, usage: dict[str, Any]
) -> None:
    provider.script(
        *loop([says(GOOD_DIFF)], plan=[says("No plan.", usage=usage), says(PLAN_TEXT, usage=usage)])
    )
    flow = await any_house.run()
    assert (flow["status"], flow["reason"]) == ("failed", "budget")
    assert flow["stages"]["plan"]["calls"] == 1
