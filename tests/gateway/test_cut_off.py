"""Streams that we end while they run, and what their callers are told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import update

from cfx_flow.store.tables import accounts, api_keys
from tests.gateway.conftest import Gateway
from tests.support.provider import Provider

LONG = {"content": "word " * 4000, "chunk_chars": 5, "chunk_delay_s": 0.02}


@asynccontextmanager
async def _running(gateway: Gateway, key: str | None = None, **body: Any) -> AsyncIterator[asyncio.Task[str]]:
    """A stream that has begun; the task's result is all that came down."""
    begun = asyncio.Event()

    async def read() -> str:
        text = ""
        headers = {"authorization": f"Bearer {key or gateway.key}"}
        request = {"messages": [{"role": "user", "content": "Say hello"}], "model": "cfx-review"} | body
        async with gateway.client.stream(
            "POST", "/v1/chat/completions", json={"stream": True} | request, headers=headers
        ) as answer:
            async for piece in answer.aiter_text():
                text += piece
                begun.set()
        return text

    reading = asyncio.create_task(read())
    async with asyncio.timeout(10):
        await begun.wait()
    yield reading
    reading.cancel()


def _last_error(text: str) -> dict[str, Any]:
    assert "[DONE]" not in text
    frame = text.rsplit("data: ", maxsplit=1)[-1]
    error: dict[str, Any] = json.loads(frame)["error"]
    return error


async def test_a_revoked_key_ends_its_running_streams_and_no_others(
    gateway: Gateway, provider: Provider
) -> None:
    provider.reply(LONG)
    other = await gateway.services.accounts.create_key("bob")
    async with _running(gateway) as ours, _running(gateway, other.key) as bobs:
        await gateway.services.accounts.revoke_key(gateway.key)
        error = _last_error(await ours)
        assert error["code"] == "invalid_api_key"
        assert "revoked" in error["message"]
        await asyncio.sleep(0.3)
        assert not bobs.done()
        (row,) = await gateway.rows(1)
        assert (row["status"], row["estimated"]) == ("cancelled", True)
        assert row["output_tokens"] > 0
        await asyncio.to_thread(provider.wait_for_disconnect)


async def test_a_key_that_expires_and_an_account_that_is_disabled_end_streams(
    gateway: Gateway, provider: Provider
) -> None:
    provider.reply(LONG)
    now = gateway.services.clock.now()
    expiring, disabled = [await gateway.services.accounts.create_key(name) for name in ("eve", "dan")]
    async with _running(gateway, expiring.key) as eves, _running(gateway, disabled.key) as dans:
        async with gateway.services.store.transaction() as connection:
            past = now - timedelta(seconds=1)
            await connection.execute(
                update(api_keys).where(api_keys.c.id == expiring.id).values(expires_at=past)
            )
            await connection.execute(
                update(accounts).where(accounts.c.user_id == disabled.user_id).values(disabled_at=now)
            )
        assert "expired" in _last_error(await eves)["message"]
        assert "disabled" in _last_error(await dans)["message"]


async def test_a_key_revoked_before_the_first_byte_is_a_status(gateway: Gateway, provider: Provider) -> None:
    provider.reply({"content": "x", "delay_s": 30})
    asking = asyncio.create_task(gateway.chat(model="cfx-plan", stream=True))
    await asyncio.to_thread(provider.wait_for_calls, 1)
    await gateway.services.accounts.revoke_key(gateway.key)
    answer: httpx.Response = await asking
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")
    assert answer.headers["x-should-retry"] == "false"
    await asyncio.to_thread(provider.wait_for_disconnect)


async def test_nothing_is_watched_once_streams_are_over(gateway: Gateway, provider: Provider) -> None:
    provider.reply({"content": "Hi"})
    for _ in range(3):
        assert (await gateway.stream()).is_done
    assert gateway.services.key_watch._in_use == {}
