"""What ChatOpenAI is given to stream with."""

from __future__ import annotations

from decimal import Decimal

import httpx2
import pytest

from cfx_flow.stages.model import Price, Target, Upstream
from graphs.chat_model import chat_model
from tests.support.provider import Provider


@pytest.mark.e2e
async def test_a_streams_chunks_stay_the_dicts_that_they_are(provider: Provider) -> None:
    """The SDK's own method is overridden for it: a release that calls another one would only be slower."""
    provider.reply({"content": "Some words."})
    upstream = Upstream("test", provider.url, None)
    target = Target(upstream, "model", Price(Decimal(1), Decimal(1)), 100_000, 8_000)
    async with httpx2.AsyncClient(trust_env=False) as http:
        model = chat_model(target, http)
        asked = {"model": "model", "messages": [{"role": "user", "content": "Hello"}]}

        stream = await model.async_client.create(**asked, stream=True)
        kinds = {type(chunk) async for chunk in stream}
        said = "".join([chunk.text async for chunk in model.astream("Hello")])

    assert kinds == {dict}
    assert said == "Some words."
