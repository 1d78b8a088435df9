"""Streams that we end while they run, and what their callers are told."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import httpx
from sqlalchemy import update

from cfx_flow.store.tables import accounts, api_keys
from tests.gateway.conftest import Gateway
from tests.gateway.running import LONG, last_error, running
from tests.support.provider import Provider


async def test_a_revoked_key_ends_its_running_streams_and_no_others(
    gateway: Gateway, provider: Provider
) -> None:
    provider.reply(LONG)
    other = await gateway.services.accounts.create_key("bob")
    async with running(gateway) as ours, running(gateway, other.key) as bobs:
        await gateway.services.accounts.revoke_key(gateway.key)
        error = last_error(await ours)
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
    async with running(gateway, expiring.key) as eves, running(gateway, disabled.key) as dans:
        async with gateway.services.store.transaction() as connection:
            past = now - timedelta(seconds=1)
            await connection.execute(
                update(api_keys).where(api_keys.c.id == expiring.id).values(expires_at=past)
            )
            await connection.execute(
                update(accounts).where(accounts.c.user_id == disabled.user_id).values(disabled_at=now)
            )
        assert "expired" in last_error(await eves)["message"]
        assert "disabled" in last_error(await dans)["message"]


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
