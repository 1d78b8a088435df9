"""What counts against a user's day, and what is refused before it is read."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from tests.gateway.conftest import HELLO, Gateway, OpenGateway
from tests.support.provider import Provider

AGAIN = {"X-Stainless-Retry-Count": "1"}
HUGE = 8 * 1024 * 1024


def left(answer: httpx.Response) -> int:
    return int(answer.headers["x-ratelimit-remaining"])


async def test_what_an_sdk_sends_again_after_a_failure_is_free_twice(
    gateway: Gateway, provider: Provider
) -> None:
    provider.reply({"status": 500})
    ask: dict[str, Any] = {"model": "gpt-4o-mini"}
    assert left(await gateway.chat(**ask)) == 999
    assert left(await gateway.chat(AGAIN, **ask)) == 999
    assert left(await gateway.chat({"X-Stainless-Retry-Count": "2"}, **ask, stream=True)) == 998, (
        "another body"
    )
    assert left(await gateway.chat({"X-Stainless-Retry-Count": "2"}, **ask)) == 998
    assert left(await gateway.chat({"X-Stainless-Retry-Count": "3"}, **ask)) == 997


async def test_a_call_that_went_well_is_not_free_the_second_time(gateway: Gateway) -> None:
    assert left(await gateway.chat()) == 999
    assert left(await gateway.chat(AGAIN)) == 998


async def test_a_stream_that_broke_after_its_start_is_not_free_again(
    gateway: Gateway, provider: Provider
) -> None:
    """Its caller has seen a part of it; SDKs do not send such a call again by themselves."""
    provider.reply(
        {"content": "one two three", "chunk_chars": 3, "finish_reason": None, "chunk_delay_s": 0.02}
    )
    assert left(await gateway.chat(stream=True)) == 999
    assert left(await gateway.chat(AGAIN, stream=True)) == 998


async def test_the_last_request_of_the_day_may_be_sent_again_when_it_failed(
    open_gateway: OpenGateway, provider: Provider
) -> None:
    provider.reply({"status": 500}, {"content": "Now"})
    async with open_gateway(CFX_DAILY_LIMIT="1") as gateway:
        assert (await gateway.chat(model="gpt-4o-mini")).status_code == 503
        assert (await gateway.chat(model="gpt-4o-mini", temperature=1)).status_code == 429
        again = await gateway.chat(AGAIN, model="gpt-4o-mini")
        assert (again.status_code, left(again)) == (200, 0)


async def test_a_used_up_day_refuses_before_the_body_has_come(
    open_gateway: OpenGateway, provider: Provider
) -> None:
    async with open_gateway(CFX_DAILY_LIMIT="1") as gateway:
        assert [(await gateway.chat()).status_code for _ in range(2)] == [200, 429]
        url = gateway.client.base_url
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {gateway.key}\r\n"
            f"Content-Length: {HUGE}\r\n\r\n".encode()
        )
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        assert b" 429 " in head
        assert b"x-should-retry: false" in head
        writer.close()
        rows = await gateway.rows(3)
        assert [row["status"] for row in rows] == ["success", "rate_limited", "rate_limited"]
        assert len(provider.calls()) == 1


async def test_a_refusal_in_the_middle_of_an_upload_leaves_the_connection_usable(
    open_gateway: OpenGateway,
) -> None:
    async with open_gateway(CFX_DAILY_LIMIT="1") as gateway:
        await gateway.chat()
        await gateway.chat()
        text = "x" * HUGE
        body = HELLO | {"messages": [{"role": "user", "content": text}]}
        for _ in range(3):
            answer = await gateway.client.post("/v1/chat/completions", json=body)
            assert (answer.status_code, left(answer)) == (429, 0)


async def test_a_raised_limit_holds_at_once(open_gateway: OpenGateway) -> None:
    """Another key with a limit of its own: what was found at one limit says nothing about a higher one."""
    async with open_gateway(CFX_DAILY_LIMIT="1") as gateway:
        assert [(await gateway.chat()).status_code for _ in range(2)] == [200, 429]
        key = (await gateway.services.accounts.create_key("alice", daily_limit=5)).key
        assert left(await gateway.chat({"authorization": f"Bearer {key}"})) == 3
