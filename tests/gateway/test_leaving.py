"""Callers who leave, and callers who read slowly."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from cfx_flow.upstream.breaker import BreakerState
from tests.gateway.conftest import QUICK, Gateway, OpenGateway
from tests.support.provider import Provider

LONG = {"content": "word " * 400, "chunk_chars": 5, "chunk_delay_s": 0.05}


@pytest.mark.parametrize(
    ("body", "reply"),
    [
        ({"stream": True}, {"content": "x", "delay_s": 30}),
        ({"stream": True}, {"content": "x", "first_byte_delay_s": 30}),
        ({"stream": False}, {"content": "x", "delay_s": 30}),
        ({"stream": False}, {"content": "x", "chunk_delay_s": 30}),
        ({"stream": True}, LONG),
    ],
)
async def test_a_caller_who_leaves_ends_the_upstream_request(
    gateway: Gateway, provider: Provider, body: dict[str, Any], reply: dict[str, Any]
) -> None:
    provider.reply(reply)
    _, writer = await gateway.open_request(model="cfx-plan", **body)
    await asyncio.to_thread(provider.wait_for_calls, 1)
    await asyncio.sleep(0.1)
    writer.transport.abort()
    call = await asyncio.to_thread(provider.wait_for_disconnect)
    assert call["completed_at"] is None
    (row,) = await gateway.rows(1)
    assert (row["status"], row["estimated"], row["model"]) == ("cancelled", True, "claude-sonnet-4-5")
    assert row["input_tokens"] > 0
    assert (row["output_tokens"] > 0) is (reply is LONG)
    states = gateway.services.breakers.states()
    assert set(states.values()) == {BreakerState.CLOSED}


async def test_a_caller_who_leaves_after_a_large_request_is_noticed_too(
    gateway: Gateway, provider: Provider
) -> None:
    provider.reply({"content": "x", "delay_s": 30})
    messages = [{"role": "user", "content": "word " * 300_000}]
    _, writer = await gateway.open_request(model="cfx-plan", stream=True, messages=messages)
    await asyncio.to_thread(provider.wait_for_calls, 1)
    writer.transport.abort()
    await asyncio.to_thread(provider.wait_for_disconnect)


async def test_a_caller_who_leaves_amid_pings_is_noticed(
    open_gateway: OpenGateway, provider: Provider
) -> None:
    async with open_gateway(pace=QUICK) as gateway:
        provider.reply({"content": "x", "delay_s": 30})
        reader, writer = await gateway.open_request(model="cfx-plan", stream=True)
        await reader.readuntil(b": ping\n\n")
        writer.transport.abort()
        await asyncio.to_thread(provider.wait_for_disconnect)


async def test_nothing_is_left_behind_by_callers_who_leave(gateway: Gateway, provider: Provider) -> None:
    provider.reply(LONG)
    tasks = len(asyncio.all_tasks())
    writers = [(await gateway.open_request(stream=True))[1] for _ in range(30)]
    for number, writer in enumerate(writers):
        await asyncio.sleep(0.003 * (number % 5))
        writer.transport.abort()
    rows = await gateway.rows(len(provider.calls()))
    assert {row["status"] for row in rows} == {"cancelled"}
    async with asyncio.timeout(10):
        while len(asyncio.all_tasks()) > tasks:
            await asyncio.sleep(0.02)
    assert gateway.services.upstream.sweeper._members == set()


@pytest.mark.e2e
async def test_a_reader_who_stalls_holds_bounded_memory(gateway: Gateway, provider: Provider) -> None:
    """The upstream is held back instead: of 40 MB it has written but a part while nobody reads."""
    provider.reply({"content": "x" * 40_000_000, "chunk_chars": 200_000})
    reader, writer = await gateway.open_request(model="cfx-review", stream=True)
    await reader.readuntil(b"\r\n\r\n")
    await asyncio.sleep(1.0)
    (call,) = await asyncio.to_thread(provider.calls)
    assert 0 < call["chunks"] < 150
    assert call["completed_at"] is None
    writer.transport.abort()
    await asyncio.to_thread(provider.wait_for_disconnect)


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_reader_who_takes_nothing_is_cut_off(
    open_gateway: OpenGateway, provider: Provider, streamed: bool
) -> None:
    provider.reply({"content": "x" * 40_000_000, "chunk_chars": 200_000})
    async with open_gateway(stall_s=0.2) as gateway:
        reader, writer = await gateway.open_request(model="cfx-review", stream=streamed)
        await reader.readuntil(b"\r\n\r\n")
        (row,) = await gateway.rows(1)
        assert row["status"] == ("cancelled" if streamed else "success")
        await asyncio.sleep(0.5)
        received = 0
        with contextlib.suppress(ConnectionResetError):
            while piece := await reader.read(1_000_000):
                received += len(piece)
        assert received < 39_000_000
        writer.close()
        if streamed:
            await asyncio.to_thread(provider.wait_for_disconnect)


async def test_a_reader_who_is_merely_slow_gets_everything(
    open_gateway: OpenGateway, provider: Provider
) -> None:
    provider.reply({"content": "x" * 3_000_000, "chunk_chars": 100_000})
    async with open_gateway(stall_s=0.15) as gateway:
        reader, writer = await gateway.open_request(model="cfx-review", stream=True)
        received = b""
        while not received.endswith(b"0\r\n\r\n"):
            await asyncio.sleep(0.02)
            received += await reader.read(60_000)
        assert b"[DONE]" in received
        writer.close()


async def test_a_body_that_never_ends_is_nobodys_call(gateway: Gateway, provider: Provider) -> None:
    url = gateway.client.base_url
    _, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {gateway.key}\r\n"
        "Content-Length: 1000\r\n\r\n{".encode()
    )
    await writer.drain()
    await asyncio.sleep(0.1)
    writer.transport.abort()
    assert (await gateway.chat()).status_code == 200
    rows = await gateway.rows(1)
    assert [row["status"] for row in rows] == ["success"]
    assert len(provider.calls()) == 1


async def test_a_server_that_stops_says_so_in_the_stream(
    open_gateway: OpenGateway, provider: Provider
) -> None:
    provider.reply(LONG)
    async with open_gateway(pace=QUICK) as gateway:
        before = asyncio.all_tasks()
        reader, writer = await gateway.open_request(model="cfx-plan", stream=True)
        await reader.readuntil(b"word")
        for task in asyncio.all_tasks() - before:  # what uvicorn does when its patience is over
            if "run_asgi" in repr(task):
                task.cancel()
        rest = await reader.readuntil(b"0\r\n\r\n")
        writer.close()
        assert b"The server is being restarted" in rest
        assert b"[DONE]" not in rest
        (row,) = await gateway.rows(1)
        assert (row["status"], row["estimated"]) == ("cancelled", True)
