"""The contract of RateLimiter, for every implementation."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, date, datetime

import pytest

from cfx_flow.errors import StoreUnavailable
from cfx_flow.limits import Allowance, RateLimiter
from cfx_flow.limits.open import open_limits
from tests.support.clock import FakeClock

DAY, NEXT_DAY = date(2026, 12, 31), date(2027, 1, 1)
MIDNIGHT = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.fixture
def user_id() -> str:
    return str(uuid.uuid4())


async def test_each_ask_leaves_one_less_until_nothing_is_left(limiter: RateLimiter, user_id: str) -> None:
    answers = [await limiter.check_and_increment(user_id, DAY, 3) for _ in range(5)]
    assert [(answer.allowed, answer.remaining) for answer in answers] == [
        (True, 2), (True, 1), (True, 0), (False, 0), (False, 0),
    ]  # fmt: skip
    assert {(answer.limit, answer.reset_at) for answer in answers} == {(3, MIDNIGHT)}


async def test_a_new_day_begins_with_everything(limiter: RateLimiter, user_id: str) -> None:
    assert (await limiter.check_and_increment(user_id, DAY, 1)).allowed
    assert not (await limiter.check_and_increment(user_id, DAY, 1)).allowed
    assert (await limiter.check_and_increment(user_id, NEXT_DAY, 1)).allowed
    assert not (await limiter.check_and_increment(user_id, DAY, 1)).allowed


async def test_users_do_not_touch_each_other(limiter: RateLimiter, user_id: str) -> None:
    await limiter.check_and_increment(user_id, DAY, 1)
    assert (await limiter.check_and_increment(str(uuid.uuid4()), DAY, 1)).allowed


@pytest.mark.parametrize("limit", [0, -1])
async def test_limit_of_nothing_refuses_and_counts_nothing(
    limiter: RateLimiter, user_id: str, limit: int
) -> None:
    assert await limiter.check_and_increment(user_id, DAY, limit) == Allowance(False, limit, 0, MIDNIGHT)
    assert (await limiter.peek(user_id, DAY, 10)).remaining == 10


async def test_counter_is_the_users_whatever_limit_a_key_brings(limiter: RateLimiter, user_id: str) -> None:
    for _ in range(3):
        await limiter.check_and_increment(user_id, DAY, 10)
    assert not (await limiter.check_and_increment(user_id, DAY, 2)).allowed
    assert (await limiter.check_and_increment(user_id, DAY, 10)).remaining == 6


async def test_refusal_counts_nothing(limiter: RateLimiter, user_id: str) -> None:
    for _ in range(5):
        await limiter.check_and_increment(user_id, DAY, 1)
    assert (await limiter.check_and_increment(user_id, DAY, 2)).allowed


async def test_peek_counts_nothing_and_agrees(limiter: RateLimiter, user_id: str) -> None:
    assert await limiter.peek(user_id, DAY, 2) == Allowance(True, 2, 2, MIDNIGHT)
    await limiter.check_and_increment(user_id, DAY, 2)
    assert await limiter.peek(user_id, DAY, 2) == Allowance(True, 2, 1, MIDNIGHT)
    await limiter.check_and_increment(user_id, DAY, 2)
    assert await limiter.peek(user_id, DAY, 2) == Allowance(False, 2, 0, MIDNIGHT)
    assert await limiter.peek(user_id, DAY, 1) == Allowance(False, 1, 0, MIDNIGHT)


async def test_concurrent_asks_are_granted_exactly_the_limit(limiter: RateLimiter, user_id: str) -> None:
    answers = await asyncio.gather(*(limiter.check_and_increment(user_id, DAY, 40) for _ in range(100)))
    granted = [answer.remaining for answer in answers if answer.allowed]
    assert sorted(granted) == list(range(40))


async def test_limits_that_differ_within_a_batch_are_each_exact(limiter: RateLimiter, user_id: str) -> None:
    """Two keys of one user at once: every place in the day is given once, to one whose limit reaches it."""
    bring = [5, 12, 5, 20, 12] * 8
    answers = await asyncio.gather(*(limiter.check_and_increment(user_id, DAY, limit) for limit in bring))
    places = [answer.limit - answer.remaining for answer in answers if answer.allowed]
    assert sorted(places) == list(range(1, len(places) + 1))
    assert all(answer.remaining == 0 for answer in answers if not answer.allowed)
    assert max(places) >= 8, "those with 20 a day came eight times"
    for limit in (5, 12, 20):
        left = max(limit - len(places), 0)
        assert (await limiter.peek(user_id, DAY, limit)).remaining == left
        assert left == 0 or all(answer.allowed for answer in answers if answer.limit == limit)


async def test_days_that_meet_in_a_batch_are_counted_apart(limiter: RateLimiter, user_id: str) -> None:
    days = [DAY, NEXT_DAY] * 5
    answers = await asyncio.gather(*(limiter.check_and_increment(user_id, day, 3) for day in days))
    assert sum(answer.allowed for answer in answers[0::2]) == 3
    assert sum(answer.allowed for answer in answers[1::2]) == 3


async def test_cancelled_callers_leave_the_others_exact(limiter: RateLimiter, user_id: str) -> None:
    """Whoever is cancelled may have been counted; nobody else is told a wrong number."""
    told: list[int] = []
    for step in range(30):
        tasks = [asyncio.create_task(limiter.check_and_increment(user_id, DAY, 1000)) for _ in range(3)]
        for _ in range(step % 8):
            await asyncio.sleep(0)
        tasks[0].cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert not [answer for answer in answers if isinstance(answer, Exception)]
        told += [answer.remaining for answer in answers if isinstance(answer, Allowance)]
    assert len(set(told)) == len(told)
    counted = 1000 - (await limiter.peek(user_id, DAY, 1000)).remaining
    assert len(told) <= counted <= 90


async def test_limit_beyond_what_is_stored_is_no_limit(limiter: RateLimiter, user_id: str) -> None:
    assert (await limiter.check_and_increment(user_id, DAY, 2**40)).allowed


async def test_many_users_at_once_each_get_their_own_limit(limiter: RateLimiter) -> None:
    users = [str(uuid.uuid4()) for _ in range(8)]
    answers = await asyncio.gather(
        *(limiter.check_and_increment(user, DAY, 3) for user in users for _ in range(5))
    )
    assert sum(answer.allowed for answer in answers) == 8 * 3


async def test_store_that_does_not_answer_refuses_nobody_by_mistake(
    fake_clock: FakeClock, user_id: str
) -> None:
    """It fails closed, but as the store's failure: the caller must not read "limit exceeded"."""
    async with open_limits("postgresql://127.0.0.1:1/nothing-listens-here", fake_clock) as limits:
        with pytest.raises(StoreUnavailable):
            await limits.daily.check_and_increment(user_id, DAY, 1)
        with pytest.raises(StoreUnavailable):
            await limits.daily.peek(user_id, DAY, 1)
