"""A month's budget that is used up refuses the next call, streamed or not, before any upstream is asked."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.gateway.conftest import Gateway
from tests.support.provider import Provider
from tests.support.shapes import error_of

DEAR = {"content": "Hello", "usage": {"prompt_tokens": 1_000_000, "completion_tokens": 1_000_000}}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_call_after_the_one_that_used_the_budget_up_is_refused(
    gateway: Gateway, provider: Provider, stream: bool
) -> None:
    await gateway.set_budget("0.5")
    provider.reply(DEAR)
    first = await gateway.chat(stream=stream, model="cfx-review")
    assert first.status_code == 200
    second = await gateway.chat(stream=stream, model="cfx-review")
    error = error_of(second, 429, "budget_exceeded")
    assert "monthly budget of 0.50 USD" in error["message"]
    assert second.headers["x-should-retry"] == "false"
    assert 0 < int(second.headers["retry-after"]) <= 31 * 24 * 3600
    assert len(provider.calls()) == 1
    spent, refused = await gateway.rows(2)
    assert spent["cost_usd"] > Decimal("0.5")
    assert (refused["status"], refused["cost_usd"]) == ("rate_limited", 0)


async def test_refusal_for_money_counts_nothing_and_what_is_sent_again_is_refused_too(
    gateway: Gateway, provider: Provider
) -> None:
    await gateway.set_budget("0")
    for headers in ({}, {"X-Stainless-Retry-Count": "1"}):
        error_of(await gateway.chat(headers), 429, "budget_exceeded")
    assert (await gateway.chat()).headers["x-ratelimit-remaining"] == "1000"
    assert provider.calls() == []


async def test_budget_that_leaves_something_is_not_felt(gateway: Gateway, provider: Provider) -> None:
    await gateway.set_budget("100")
    for _ in range(3):
        assert (await gateway.chat()).status_code == 200
