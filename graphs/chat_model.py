"""ChatOpenAI as this house needs it: told what it must not look up, and quicker over a stream.

**Source**: langchain-openai 1.7 ``chat_models/base.py`` (a stream's chunk is made a dict again at once, the
usage's ``cost`` is dropped), openai 3 ``_streaming.py`` (each chunk is built as a tree of models first).
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any, TypeVar, cast

import httpx2
from langchain_core.outputs import ChatGenerationChunk
from langchain_openai import ChatOpenAI
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionChunk
from pydantic import SecretStr

from cfx_flow.stages.model import Target, Upstream

T = TypeVar("T")

COST = "cfx_cost_usd"
REFUSAL = "refusal"


def chat_model(target: Target, http: httpx2.AsyncClient) -> ChatOpenAI:
    upstream = target.upstream
    key, timeout = _key_of(upstream), timeout_of(upstream)
    client = _PlainChunks(
        api_key=key,
        base_url=upstream.base_url,
        http_client=http,
        timeout=timeout,  # absent, the SDK overrules the client's own with none at all
        max_retries=0,
    )
    return _CostKeepingChat(
        model=target.model,
        base_url=upstream.base_url,
        api_key=key,
        root_async_client=client,
        async_client=client.chat.completions,
        http_async_client=http,
        openai_proxy=None,  # else OPENAI_PROXY of the environment, which this client cannot use
        timeout=timeout,
        max_retries=0,
        stream_usage=True,
        use_responses_api=False,
        stream_chunk_timeout=upstream.read_timeout_s,
        cache=False,
    )


def timeout_of(upstream: Upstream) -> httpx2.Timeout:
    return httpx2.Timeout(upstream.read_timeout_s, connect=upstream.connect_timeout_stream_s, pool=None)


class _PlainChunks(AsyncOpenAI):
    """Leaves a chunk the dict that it is: of a call's time, a third went into models that nobody reads."""

    def _process_response_data(self, *, data: object, cast_to: type[T], response: httpx2.Response) -> T:
        if cast_to is ChatCompletionChunk:
            return cast(T, data)
        return super()._process_response_data(data=data, cast_to=cast_to, response=response)


class _CostKeepingChat(ChatOpenAI):
    """ChatOpenAI that keeps the upstream's own figure for what the call cost, and a refusal's words."""

    def _convert_chunk_to_generation_chunk(
        self, chunk: dict[str, Any], default_chunk_class: type, base_generation_info: dict[str, Any] | None
    ) -> ChatGenerationChunk | None:
        generation = super()._convert_chunk_to_generation_chunk(
            chunk, default_chunk_class, base_generation_info
        )
        cost, refusal = _cost_in(chunk.get("usage")), _refusal_in(chunk)
        kept = ({} if cost is None else {COST: cost}) | ({REFUSAL: refusal} if refusal else {})
        if generation is not None and kept:
            generation.generation_info = {**(generation.generation_info or {}), **kept}
        return generation


def _refusal_in(chunk: Mapping[str, Any]) -> str:
    """**Source**: OpenAI's API reference, ``choices[].delta.refusal`` of a streamed chunk."""
    choices = chunk.get("choices") or [{}]
    said = (choices[0].get("delta") or {}).get("refusal")
    return said if isinstance(said, str) else ""


def _cost_in(usage: object) -> Decimal | None:
    cost = usage.get("cost") if isinstance(usage, dict) else None
    if isinstance(cost, bool) or not isinstance(cost, int | float):
        return None
    return Decimal(str(cost)) if math.isfinite(cost) and cost >= 0 else None


def _key_of(upstream: Upstream) -> Callable[[], Awaitable[str]]:
    """As a coroutine function: then no synchronous client is built beside the one that is used."""
    key = upstream.api_key or SecretStr("none")

    async def reveal() -> str:
        return key.get_secret_value()

    return reveal
