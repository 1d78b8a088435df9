from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from cfx_flow.chat.usage import estimate, read_usage, with_cache_tokens
from cfx_flow.stages.model import Price

PRICE = Price(Decimal(2), Decimal(10), Decimal("0.5"))
OPENAI = {"prompt_tokens": 1000, "completion_tokens": 100, "prompt_tokens_details": {"cached_tokens": 400}}
ANTHROPIC = {
    "prompt_tokens": 1000,
    "completion_tokens": 100,
    "cache_read_input_tokens": 400,
    "cache_creation_input_tokens": 50,
}
DEEPSEEK = {"prompt_tokens": 1000, "completion_tokens": 100, "prompt_cache_hit_tokens": 400}


@pytest.mark.parametrize("usage", [OPENAI, ANTHROPIC, DEEPSEEK])
def test_each_providers_report_is_understood(usage: dict[str, Any]) -> None:
    read = read_usage(usage)
    assert (read.input_tokens, read.output_tokens, read.cached_tokens) == (1000, 100, 400)
    assert read.cost(PRICE) == Decimal("0.0024")


@pytest.mark.parametrize("usage", [OPENAI, ANTHROPIC, DEEPSEEK])
def test_cache_tokens_are_shown_nested_and_at_top_level(usage: dict[str, Any]) -> None:
    shown = with_cache_tokens(usage)
    assert shown["prompt_tokens_details"]["cached_tokens"] == 400
    assert shown["cache_read_input_tokens"] == 400
    assert shown["cache_creation_input_tokens"] == usage.get("cache_creation_input_tokens", 0)
    assert shown["prompt_tokens"] == 1000


def test_the_upstreams_own_figure_wins_wherever_it_stands() -> None:
    assert read_usage(OPENAI | {"cost": 0.5}).cost(PRICE) == Decimal("0.5")
    assert read_usage(OPENAI, "0.25").cost(PRICE) == Decimal("0.25")


@pytest.mark.parametrize("nonsense", ["0", "0.0", "", "abc", "-1", "NaN", "Infinity", None])
def test_a_figure_that_cannot_be_is_replaced_by_the_price_list(nonsense: str | None) -> None:
    assert read_usage(OPENAI, nonsense).cost(PRICE) == Decimal("0.0024")


@pytest.mark.parametrize("nonsense", [-5, "12", None, [], 10**12, float("nan")])
def test_a_count_that_cannot_be_is_nothing(nonsense: object) -> None:
    assert read_usage({"prompt_tokens": nonsense, "completion_tokens": 1}).input_tokens == 0


def test_an_estimate_says_that_it_is_one() -> None:
    guess = estimate(4000, 0, 3)
    assert guess.estimated
    assert (guess.input_tokens, guess.output_tokens) == (1000, 3)
