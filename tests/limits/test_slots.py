"""The contract of StreamSlots, for every implementation."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from cfx_flow.errors import TooManyConcurrentRequests
from cfx_flow.limits import Slot, StreamSlots, Talk
from tests.limits.conftest import Place
from tests.support.clock import FakeClock
from tests.support.stores import eventually

RENEW_EVERY_S = 0.02


@dataclass(frozen=True)
class Request:
    """Retires what it goes on from: the running talk whose words it begins with."""

    words: tuple[str, ...]

    @property
    def talk(self) -> Talk:
        return Talk('session of "editor" \\ 1', len(self.words), digest_of(self.words))

    def retires(self, running: Talk) -> bool:
        count = running.message_count
        return count < len(self.words) and running.digest == digest_of(self.words[:count])


def digest_of(words: tuple[str, ...]) -> bytes:
    return hashlib.sha256("\0".join(words).encode()).digest()


class Process:
    """One process's slots, and which of its streams were lost."""

    def __init__(self, slots: StreamSlots) -> None:
        self.slots = slots
        self.lost: list[str] = []

    async def start(self, user_id: str, *words: str, most: int = 2) -> Slot:
        name = words[-1]
        return await self.slots.acquire(user_id, most, Request(words), lambda: self.lost.append(name))


class Processes:
    """Each has nothing in common with the others but the store."""

    def __init__(self, place: Place, clock: FakeClock, closing: AsyncExitStack) -> None:
        self._place, self._clock, self._closing = place, clock, closing

    async def start(self, renew_every_s: float = RENEW_EVERY_S) -> Process:
        opening = self._place.open(self._clock, renew_every_s)
        return Process((await self._closing.enter_async_context(opening)).slots)


@pytest.fixture
async def processes(place: Place, fake_clock: FakeClock) -> AsyncIterator[Processes]:
    async with AsyncExitStack() as closing:
        yield Processes(place, fake_clock, closing)


@pytest.fixture
async def here(processes: Processes) -> Process:
    return await processes.start()


@pytest.fixture
async def elsewhere(processes: Processes) -> Process:
    return await processes.start()


@pytest.fixture
def user_id() -> str:
    return str(uuid.uuid4())


async def test_third_stream_is_refused_wherever_the_others_run(
    here: Process, elsewhere: Process, user_id: str
) -> None:
    await here.start(user_id, "a")
    await elsewhere.start(user_id, "b")
    for process in (here, elsewhere):
        with pytest.raises(TooManyConcurrentRequests, match="Too many concurrent requests: 2") as caught:
            await process.start(user_id, "c")
        assert caught.value.headers["retry-after"]
    assert here.lost == elsewhere.lost == []


async def test_released_slot_is_free_for_any_process(here: Process, elsewhere: Process, user_id: str) -> None:
    first, second = await here.start(user_id, "a"), await here.start(user_id, "b")
    first.release()
    first.release()
    await asyncio.sleep(RENEW_EVERY_S)
    await eventually_started(elsewhere, user_id, "c")
    with pytest.raises(TooManyConcurrentRequests):
        await here.start(user_id, "d")
    second.release()
    await here.start(user_id, "e")


async def eventually_started(process: Process, user_id: str, *words: str) -> Slot:
    async with asyncio.timeout(30):
        while True:
            try:
                return await process.start(user_id, *words)
            except TooManyConcurrentRequests:
                await asyncio.sleep(0.005)


async def test_users_do_not_touch_each_other(here: Process, user_id: str) -> None:
    await here.start(user_id, "a", most=1)
    await here.start(str(uuid.uuid4()), "a", most=1)


async def test_key_without_streams_is_told_what_to_do(here: Process, user_id: str) -> None:
    with pytest.raises(TooManyConcurrentRequests, match='"stream": false'):
        await here.start(user_id, "a", most=0)


async def test_limit_is_the_keys_and_what_runs_is_the_users(here: Process, user_id: str) -> None:
    for word in "abcd":
        await here.start(user_id, word, most=4)
    with pytest.raises(TooManyConcurrentRequests):
        await here.start(user_id, "e", most=4)
    with pytest.raises(TooManyConcurrentRequests):
        await here.start(user_id, "e", most=2)
    await here.start(user_id, "e", most=5)


async def test_identical_requests_are_siblings(here: Process, user_id: str) -> None:
    await here.start(user_id, "a")
    await here.start(user_id, "a")
    with pytest.raises(TooManyConcurrentRequests):
        await here.start(user_id, "a")
    assert here.lost == []


async def test_conversation_that_goes_on_retires_its_running_stream_at_once(
    here: Process, user_id: str
) -> None:
    old = await here.start(user_id, "a")
    await here.start(user_id, "x")
    await here.start(user_id, "a", "b")
    assert here.lost == ["a"]
    old.release()
    with pytest.raises(TooManyConcurrentRequests):
        await here.start(user_id, "y")
    await here.start(user_id, "a", "b", "c")
    assert here.lost == ["a", "b"]


async def test_take_over_frees_the_slot_even_if_another_was_free(here: Process, user_id: str) -> None:
    await here.start(user_id, "a")
    await here.start(user_id, "a", "b")
    assert here.lost == ["a"]
    await here.start(user_id, "x")


async def test_all_that_a_request_goes_on_from_are_retired(here: Process, user_id: str) -> None:
    await here.start(user_id, "a")
    await here.start(user_id, "a")
    await here.start(user_id, "a", "b")
    assert here.lost == ["a", "a"]
    await here.start(user_id, "x")


async def test_stream_of_another_process_learns_that_it_was_taken_over(
    here: Process, elsewhere: Process, user_id: str
) -> None:
    await here.start(user_id, "a")
    await here.start(user_id, "x")
    await elsewhere.start(user_id, "a", "b")
    await eventually(lambda: here.lost == ["a"])
    await asyncio.sleep(RENEW_EVERY_S * 3)
    assert (here.lost, elsewhere.lost) == (["a"], [])
    with pytest.raises(TooManyConcurrentRequests):
        await elsewhere.start(user_id, "y")


async def test_refused_request_retires_nothing(here: Process, user_id: str) -> None:
    await here.start(user_id, "a", "b")
    await here.start(user_id, "x")
    with pytest.raises(TooManyConcurrentRequests):
        await here.start(user_id, "a")
    assert here.lost == []


async def test_dead_process_locks_nobody_out_for_longer_than_its_leases(
    processes: Processes, here: Process, user_id: str, fake_clock: FakeClock
) -> None:
    """The dead one's leases are no longer renewed; the living one's are."""
    dead = await processes.start(renew_every_s=3600)
    await here.start(user_id, "mine")
    await dead.start(user_id, "theirs")
    for _ in range(2):
        fake_clock.advance(seconds=14)
        await asyncio.sleep(RENEW_EVERY_S * 4)
    with pytest.raises(TooManyConcurrentRequests):
        await here.start(user_id, "new")
    fake_clock.advance(seconds=2.1)
    await here.start(user_id, "new")
    with pytest.raises(TooManyConcurrentRequests):
        await here.start(user_id, "newer")
    assert here.lost == []


async def test_frozen_process_that_comes_back_too_late_learns_it(
    processes: Processes, here: Process, user_id: str, fake_clock: FakeClock
) -> None:
    frozen = await processes.start()
    await frozen.start(user_id, "old", most=1)
    fake_clock.advance(seconds=31)
    await here.start(user_id, "new", most=1)
    await eventually(lambda: frozen.lost == ["old"])
    with pytest.raises(TooManyConcurrentRequests):
        await here.start(user_id, "newer", most=1)


async def test_cancelled_callers_hold_nothing(here: Process, user_id: str) -> None:
    for step in range(20):
        task = asyncio.create_task(here.start(user_id, "a", most=1))
        for _ in range(step % 7):
            await asyncio.sleep(0)
        task.cancel()
        outcome = (await asyncio.gather(task, return_exceptions=True))[0]
        if isinstance(outcome, Exception):
            raise outcome
        if not isinstance(outcome, BaseException):
            outcome.release()
        (await eventually_started(here, user_id, "b")).release()


async def test_close_gives_everything_back_and_tells_nobody(
    place: Place, here: Process, user_id: str, fake_clock: FakeClock
) -> None:
    async with place.open(fake_clock) as limits:
        closing = Process(limits.slots)
        (await closing.start(user_id, "a")).release()
        slots = [await closing.start(user_id, "a"), await closing.start(user_id, "a")]
    assert closing.lost == []
    await here.start(user_id, "b")
    for slot in slots:
        slot.release()


async def test_many_at_once_from_two_processes_get_exactly_the_slots(
    here: Process, elsewhere: Process, user_id: str
) -> None:
    tries = [process.start(user_id, f"{n}", most=7) for n in range(20) for process in (here, elsewhere)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, TooManyConcurrentRequests)]
    assert len(refused) == len(outcomes) - 7
