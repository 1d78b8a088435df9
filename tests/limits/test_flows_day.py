"""A flow's calls and chat's come from one day, however they are counted."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from cfx_flow.accounts.daily_limits import DailyLimits
from cfx_flow.flows.day import DayOfCalls
from cfx_flow.flows.model import FlowFailed
from cfx_flow.limits.open import open_limits
from cfx_flow.store.engine import Store
from tests.support.clock import FakeClock

LIMIT = 40


@pytest.fixture
def user_id() -> str:
    return str(uuid.uuid4())


async def refused(day: DayOfCalls, store: Store, user_id: str) -> str | None:
    """Asks as a flow does, with the transaction that writes the call's beginning."""
    try:
        left = await day.take(user_id, None)
        if left is not None:
            await store.run(left)
    except FlowFailed as failure:
        return failure.outcome.message
    return None


async def test_flows_and_chat_that_ask_at_once_are_granted_exactly_the_limit(
    store: Store, database_url: str, fake_clock: FakeClock, user_id: str
) -> None:
    day, today = DayOfCalls(store, DailyLimits(store, LIMIT), fake_clock), fake_clock.now().date()
    async with open_limits(database_url, fake_clock) as limits:
        of_flows = [refused(day, store, user_id) for _ in range(50)]
        of_chat = [limits.daily.check_and_increment(user_id, today, LIMIT) for _ in range(50)]
        flows, chat = await asyncio.gather(asyncio.gather(*of_flows), asyncio.gather(*of_chat))
        assert flows.count(None) + sum(answer.allowed for answer in chat) == LIMIT
        assert all(f"limit of {LIMIT} model calls" in said for said in flows if said is not None)
        assert (await limits.daily.peek(user_id, today, LIMIT + 1)).remaining == 1


async def test_a_limit_of_nothing_grants_nothing(store: Store, fake_clock: FakeClock, user_id: str) -> None:
    left = await DayOfCalls(store, DailyLimits(store, 0), fake_clock).take(user_id, None)
    assert left is not None
    with pytest.raises(FlowFailed, match="limit of 0"):
        await store.run(left)


async def test_a_flows_calls_are_counted_on_redis_where_chats_are(
    store: Store, redis_url: str, fake_clock: FakeClock, user_id: str
) -> None:
    async with open_limits("sqlite:///nowhere.db", fake_clock, redis_url=redis_url) as limits:
        day = DayOfCalls(store, DailyLimits(store, LIMIT), fake_clock, limits.daily)
        asked = [await refused(day, store, user_id) for _ in range(LIMIT + 2)]
        assert asked.count(None) == LIMIT
        assert (await limits.daily.peek(user_id, fake_clock.now().date(), LIMIT + 1)).remaining == 1
