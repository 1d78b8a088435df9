"""ChatOpenAI as this house needs it: on the house's own wire, told what it must not look up, and with what
its messages leave out.

**Source**: langchain-openai 1.7 ``chat_models/base.py`` (an ``async_client`` that is given is used; a usage's
``cost`` is dropped, and any number in it believed), langchain-core 1.7 ``chat_models.py`` (``astream`` copies
and merges all chunks for its callbacks).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from cfx_flow.chat.usage import read_usage
from cfx_flow.stages.model import Target, Upstream
from cfx_flow.upstream.client import UpstreamClient
from graphs.wire import Completions

USAGE = "cfx_usage"
REFUSAL = "refusal"


def chat_model(target: Target, client: UpstreamClient) -> HouseChat:
    return HouseChat(
        model=target.model,
        base_url=target.upstream.base_url,
        api_key=_key_of(target.upstream),
        async_client=Completions(client, target),
        openai_proxy=None,  # else it looks for OPENAI_PROXY in the environment
        max_retries=0,
        stream_usage=True,
        use_responses_api=False,
        stream_chunk_timeout=None,  # else a task for each chunk; the wire has patience of its own
        cache=False,
    )


class HouseChat(ChatOpenAI):
    """Reads the usage as chat does, with the upstream's own figure for what the call cost, and keeps a
    refusal's words."""

    async def chunks(
        self, messages: Sequence[BaseMessage], **parameters: Any
    ) -> AsyncGenerator[ChatGenerationChunk]:
        """As ``astream``, without callbacks: nobody listens. Raises UpstreamError, and whatever comes of a
        chunk of another shape than OpenAI's."""
        async for chunk in self._astream(list(messages), **parameters):
            yield chunk

    def _convert_chunk_to_generation_chunk(
        self, chunk: dict[str, Any], default_chunk_class: type, base_generation_info: dict[str, Any] | None
    ) -> ChatGenerationChunk | None:
        usage, refusal = chunk.get("usage"), _refusal_in(chunk)
        generation = super()._convert_chunk_to_generation_chunk(
            {**chunk, "usage": None}, default_chunk_class, base_generation_info
        )
        kept: dict[str, Any] = {REFUSAL: refusal} if refusal else {}
        if isinstance(usage, dict) and usage:
            kept[USAGE] = read_usage(usage)
        if generation is not None and kept:
            generation.generation_info = {**(generation.generation_info or {}), **kept}
        return generation


def _refusal_in(chunk: Mapping[str, Any]) -> str:
    """**Source**: OpenAI's API reference, ``choices[].delta.refusal`` of a streamed chunk."""
    choices = chunk.get("choices") or [{}]
    said = (choices[0].get("delta") or {}).get("refusal")
    return said if isinstance(said, str) else ""


def _key_of(upstream: Upstream) -> Callable[[], Awaitable[str]]:
    """As a coroutine function: then no synchronous client is built, which nobody would use."""
    key = upstream.api_key or SecretStr("none")

    async def reveal() -> str:
        return key.get_secret_value()

    return reveal
