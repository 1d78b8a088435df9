"""How many tokens a call took, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from cfx_flow.stages.model import Price

BYTES_PER_TOKEN = 4
"""of English and of code; good enough for a call that was cut before it could report"""


class Usage(msgspec.Struct, frozen=True):
    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    """of the input, read from the provider's cache"""
    cost_usd: Decimal | None = None
    """the upstream's own figure"""
    estimated: bool = False

    def cost(self, price: Price) -> Decimal:
        """The upstream's figure, else the price list's. LiteLLM reports 0 for a model that it has no
        price for, so a 0 counts only where our own price is 0 too."""
        listed = price.cost_usd(self.input_tokens, self.output_tokens, self.cached_tokens)
        return self.cost_usd or listed


def read_usage(usage: Mapping[str, Any], cost_header: str | None = None) -> Usage:
    """Of the ``usage`` object as OpenAI, Anthropic, DeepSeek and LiteLLM fill it; nonsense counts as 0."""
    cost = _usd(usage.get("cost"))
    return Usage(
        input_tokens=_count(usage.get("prompt_tokens")),
        output_tokens=_count(usage.get("completion_tokens")),
        cached_tokens=_cached(usage),
        cost_usd=_usd(cost_header) if cost is None else cost,
    )


def estimate(input_bytes: int, output_bytes: int, chunks: int) -> Usage:
    """For a call without a report. A chunk is at least a token."""
    output_tokens = max(output_bytes // BYTES_PER_TOKEN, chunks)
    return Usage(max(input_bytes // BYTES_PER_TOKEN, 1), output_tokens, estimated=True)


def with_cache_tokens(usage: Mapping[str, Any]) -> dict[str, Any]:
    """The same object with cache tokens both nested and at top level.

    **Source**: SDKs read ``prompt_tokens_details.cached_tokens`` (OpenAI), editors
    ``cache_read_input_tokens`` and ``cache_creation_input_tokens`` (Anthropic, LiteLLM).
    """
    nested = usage.get("prompt_tokens_details")
    details = dict(nested) if isinstance(nested, dict) else {}
    read, written = _cached(usage), _written(usage)
    details["cached_tokens"] = read
    if written:
        details["cache_creation_tokens"] = written
    return {
        **usage,
        "prompt_tokens_details": details,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": written,
    }


def _cached(usage: Mapping[str, Any]) -> int:
    details = usage.get("prompt_tokens_details")
    nested = details.get("cached_tokens") if isinstance(details, dict) else None
    return _count(nested or usage.get("cache_read_input_tokens") or usage.get("prompt_cache_hit_tokens"))


def _written(usage: Mapping[str, Any]) -> int:
    details = usage.get("prompt_tokens_details")
    nested = details.get("cache_creation_tokens") if isinstance(details, dict) else None
    return _count(nested or usage.get("cache_creation_input_tokens"))


def _count(value: object) -> int:
    return int(value) if isinstance(value, int | float) and 0 <= value < 2**31 else 0


def _usd(value: object) -> Decimal | None:
    if not isinstance(value, int | float | str) or isinstance(value, bool):
        return None
    try:
        usd = Decimal(str(value))
    except InvalidOperation:
        return None
    return usd if usd.is_finite() and usd >= 0 else None
