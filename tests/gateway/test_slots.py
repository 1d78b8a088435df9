"""At most two streams of one user at a time, and the conversation that goes on from one of them."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from cfx_flow.chat.request import ChatRequest
from tests.gateway.conftest import Gateway, OpenGateway, Streamed
from tests.gateway.running import LONG, last_error, running
from tests.support.provider import Provider

FIRST = [{"role": "system", "content": "You are Roo."}, {"role": "user", "content": "Fix it"}]
NEXT = [*FIRST, {"role": "assistant", "content": "I wi"}, {"role": "user", "content": "Go on"}]
SHORT = {"content": "Hi"}


@pytest.fixture
async def gateway(open_gateway: OpenGateway) -> AsyncIterator[Gateway]:
    async with open_gateway(CFX_STREAMS_PER_USER="2") as gateway:
        yield gateway


def asked(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def script(provider: Provider) -> None:
    """Whoever says "Go on" gets a short reply, all others a long one."""
    provider.script({"last_contains": "Go on", "replies": [SHORT]}, {"replies": [LONG]})


async def test_the_third_stream_of_a_user_is_refused_and_costs_nothing(
    gateway: Gateway, provider: Provider
) -> None:
    provider.reply(LONG)
    other = (await gateway.services.accounts.create_key("bob")).key
    async with running(gateway), running(gateway):
        refused = await gateway.chat(stream=True)
        assert refused.status_code == 429
        error = refused.json()["error"]
        assert error["code"] == "too_many_concurrent_requests"
        assert "Too many concurrent requests" in error["message"]
        assert "context" not in error["message"]
        assert refused.headers["x-should-retry"] == "false"
        assert int(refused.headers["retry-after"]) > 0
        assert refused.headers["x-ratelimit-remaining"] == "998"
        async with running(gateway, other):
            assert len(provider.calls()) == 3
        (row, *_) = await gateway.rows(1)
        assert (row["status"], row["model"]) == ("rate_limited", None)


async def test_calls_that_are_not_streamed_need_no_slot(gateway: Gateway, provider: Provider) -> None:
    script(provider)
    async with running(gateway), running(gateway):
        assert (await gateway.chat(messages=asked("Go on"))).status_code == 200


async def test_the_next_turn_takes_over_from_the_stream_that_was_stopped(
    gateway: Gateway, provider: Provider
) -> None:
    script(provider)
    async with running(gateway, messages=FIRST) as stopped, running(gateway, messages=asked("x")) as other:
        assert (await gateway.stream(messages=NEXT, model="cfx-review")).is_done
        error = last_error(await stopped)
        assert error["code"] == "stream_replaced"
        assert "newer request" in error["message"]
        await asyncio.to_thread(provider.wait_for_disconnect)
        assert not other.done()
        rows = {row["status"]: row for row in await gateway.rows(2)}
        assert rows["cancelled"]["estimated"]
        assert rows["cancelled"]["output_tokens"] > 0
        assert rows["success"]


async def test_the_next_turn_takes_over_though_a_slot_is_free(gateway: Gateway, provider: Provider) -> None:
    script(provider)
    async with running(gateway, messages=FIRST) as stopped:
        assert (await gateway.stream(messages=NEXT)).is_done
        last_error(await stopped)


async def test_a_stream_that_waits_for_its_first_byte_is_taken_over_too(
    gateway: Gateway, provider: Provider
) -> None:
    provider.script(
        {"last_contains": "Go on", "replies": [SHORT]}, {"replies": [{"content": "x", "delay_s": 30}]}
    )
    waiting = asyncio.create_task(gateway.chat(stream=True, messages=FIRST))
    await asyncio.to_thread(provider.wait_for_calls, 1)
    assert (await gateway.stream(messages=NEXT)).is_done
    answer = await waiting
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "stream_replaced")
    assert answer.headers["x-should-retry"] == "false"


async def test_a_session_replaces_its_stream_when_it_says_so(gateway: Gateway, provider: Provider) -> None:
    script(provider)
    session = {"X-CFX-Session-Id": "s1"}
    async with running(gateway, headers=session) as first, running(gateway, messages=asked("y")):
        assert (await gateway.stream(session, messages=asked("Go on"))).response.status_code == 429
        replaced = await gateway.stream(session | {"X-CFX-Replace": "true"}, messages=asked("Go on"))
        assert replaced.is_done
        last_error(await first)


async def test_another_users_conversation_is_never_taken_over(gateway: Gateway, provider: Provider) -> None:
    script(provider)
    other = (await gateway.services.accounts.create_key("bob")).key
    async with running(gateway, messages=FIRST) as ours:
        answer = await gateway.chat({"authorization": f"Bearer {other}"}, messages=NEXT, stream=True)
        assert Streamed(answer).is_done
        await asyncio.sleep(0.05)
        assert not ours.done()


BROKEN: list[dict[str, Any]] = [
    {"status": 400},
    {"status": 503},
    {"content": "one two three", "chunk_chars": 2, "drop_after_chunks": 2},
    {"content": "x", "finish_reason": None},
    SHORT,
]


@pytest.mark.parametrize("reply", BROKEN)
async def test_a_slot_is_free_again_whatever_became_of_its_stream(
    gateway: Gateway, provider: Provider, reply: dict[str, Any]
) -> None:
    provider.reply(reply)
    statuses = [(await gateway.chat(model="gpt-4o-mini", stream=True)).status_code for _ in range(4)]
    assert 429 not in statuses


async def test_a_slot_is_free_again_when_its_caller_has_left(gateway: Gateway, provider: Provider) -> None:
    provider.reply(LONG)
    for _ in range(4):
        reader, writer = await gateway.open_request(stream=True)
        assert b" 200 " in await reader.readline()
        await reader.readuntil(b"word")
        writer.transport.abort()
        await asyncio.sleep(0.1)


async def test_a_slot_is_free_before_the_end_of_its_stream_is_read(
    gateway: Gateway, provider: Provider
) -> None:
    """SDKs stop reading at [DONE], and ask again at once."""
    provider.script(
        {"last_contains": "long", "replies": [LONG]}, {"replies": [{"content": "Hi", "chunk_delay_s": 0.01}]}
    )
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(running(gateway, messages=asked("long")))
        for _ in range(20):
            async with gateway.client.stream(
                "POST", "/v1/chat/completions", json={"messages": asked("x"), "stream": True}
            ) as answer:
                assert answer.status_code == 200
                async for line in answer.aiter_lines():
                    if line == "data: [DONE]":
                        break


async def test_a_running_stream_does_not_hold_its_request(gateway: Gateway, provider: Provider) -> None:
    """It may be of several MB, and a stream may run for many minutes."""
    provider.reply(LONG)
    gc.collect()
    before = requests_in_memory()
    async with running(gateway):
        held = [new for new in requests_in_memory() if not any(new is old for old in before)]
        assert held == []


def requests_in_memory() -> list[ChatRequest]:
    return [found for found in gc.get_objects() if isinstance(found, ChatRequest)]
