"""A request leaves nothing that only the garbage collector would free: bodies are large, it comes late."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from api.chat import _Visit
from api.downstream import Downstream
from cfx_flow.chat import ChatCall
from tests.gateway.conftest import Gateway
from tests.gateway.running import LONG, running
from tests.support.provider import Provider


@contextmanager
def _without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _held() -> list[object]:
    return [found for found in gc.get_objects() if isinstance(found, _Visit | ChatCall | Downstream)]


async def _until_all_went() -> None:
    """Its end is a few turns of the loop away; the collector is off."""
    async with asyncio.timeout(30):
        while _held():
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("streamed", [False, True])
async def test_request_goes_without_the_collector(gateway: Gateway, streamed: bool) -> None:
    await gateway.chat(stream=streamed)
    with _without_collector():
        for _ in range(3):
            assert (await gateway.chat(stream=streamed)).status_code == 200
        assert _held() == []


@pytest.mark.parametrize(
    ("body", "reply"),
    [
        ({"stream": True}, {"content": "x", "delay_s": 30}),
        ({"stream": True}, LONG),
        ({"stream": False}, {"content": "x", "delay_s": 30}),
    ],
)
async def test_a_caller_who_leaves_leaves_nothing_to_the_collector(
    gateway: Gateway, provider: Provider, body: dict[str, Any], reply: dict[str, Any]
) -> None:
    provider.reply(reply)
    with _without_collector():
        _, writer = await gateway.open_request(model="cfx-plan", **body)
        await asyncio.to_thread(provider.wait_for_calls, 1)
        await asyncio.sleep(0.1)
        assert _held() != []
        writer.transport.abort()
        await _until_all_went()


async def test_a_stream_that_we_end_leaves_nothing_to_the_collector(
    gateway: Gateway, provider: Provider
) -> None:
    provider.reply(LONG)
    with _without_collector():
        async with running(gateway) as reading:
            await gateway.services.accounts.revoke_key(gateway.key)
            await reading
        await _until_all_went()


@pytest.mark.parametrize(
    "reply", [{"status": 400}, {"status": 503}, {"content": "word " * 9, "drop_after_chunks": 2}]
)
async def test_a_call_that_fails_leaves_nothing_to_the_collector(
    gateway: Gateway, provider: Provider, reply: dict[str, Any]
) -> None:
    with _without_collector():
        for streamed in (False, True):
            provider.reply(reply)
            await gateway.chat(stream=streamed, model="cfx-plan")
        await _until_all_went()
