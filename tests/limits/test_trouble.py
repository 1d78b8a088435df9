"""Limits while their store fails: closed, never for ever, and by themselves again."""

from __future__ import annotations

import asyncio
import sqlite3
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import date

import pytest

from cfx_flow.errors import StoreUnavailable, TooManyConcurrentRequests
from cfx_flow.limits.daily import DailyLimiter
from cfx_flow.limits.leases import LeasedSlots
from cfx_flow.limits.open import Limits
from cfx_flow.limits.postgres_counter import PostgresCounter
from cfx_flow.limits.sqlite_counter import SqliteCounter
from cfx_flow.limits.sqlite_slots import SqliteSlots
from cfx_flow.store.address import sqlite_file
from cfx_flow.store.quick_postgres import QuickPostgres, Statement
from cfx_flow.store.quick_sqlite import QuickSqlite
from cfx_flow.store.tables import accounts
from tests.limits.conftest import Place
from tests.limits.test_slots import RENEW_EVERY_S, Process
from tests.support.clock import FakeClock
from tests.support.redis import running_redis
from tests.support.stores import eventually, opened
from tests.support.wire import Wire, wired_postgres, wired_redis

DAY = date(2026, 12, 31)
LONGEST_ANSWER_S = 12.0
"""generous: a connection that is given up, and one that is tried after it"""


@pytest.fixture
def user_id() -> str:
    return str(uuid.uuid4())


@pytest.fixture(params=[pytest.param("postgres", marks=pytest.mark.e2e), "redis"])
async def line(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Wire, Place]]:
    """A store behind a wire."""
    url = request.getfixturevalue(f"{request.param}_url")
    async with AsyncExitStack() as closing:
        if request.param == "postgres":
            wire, through = await closing.enter_async_context(wired_postgres(url))
            yield wire, Place(through)
        else:
            wire, through = await closing.enter_async_context(wired_redis(url))
            yield wire, Place("sqlite:///nowhere.db", through)


async def recovered(limits: Limits, user_id: str, limit: int) -> int:
    """Asks until it is answered: what is left then."""
    async with asyncio.timeout(LONGEST_ANSWER_S):
        while True:
            try:
                return (await limits.daily.check_and_increment(user_id, DAY, limit)).remaining
            except StoreUnavailable:
                await asyncio.sleep(0.01)


async def test_store_that_dies_in_the_middle_fails_closed_and_comes_back(
    line: tuple[Wire, Place], fake_clock: FakeClock, user_id: str
) -> None:
    wire, place = line
    async with place.open(fake_clock) as limits:
        answers = []

        async def ask(n: int) -> None:
            if n == 40:
                wire.cut()
            answers.append((await limits.daily.check_and_increment(user_id, DAY, 1000)).remaining)

        asks = [asyncio.create_task(ask(n)) for n in range(20)]
        await asyncio.gather(*asks)
        later = [asyncio.create_task(ask(n)) for n in range(20, 80)]
        outcomes = await asyncio.gather(*later, return_exceptions=True)
        failed = [outcome for outcome in outcomes if outcome is not None]
        assert failed
        assert all(isinstance(outcome, StoreUnavailable) for outcome in failed)
        assert all(outcome.headers["retry-after"] for outcome in failed)
        with pytest.raises(StoreUnavailable):
            await limits.daily.check_and_increment(user_id, DAY, 1000)
        wire.mend()
        left = await recovered(limits, user_id, 1000)
        assert left < min(answers)
        assert len(set(answers)) == len(answers)
        assert (await limits.daily.check_and_increment(user_id, DAY, 1000)).remaining == left - 1


@pytest.mark.e2e
async def test_connection_that_ended_while_nobody_asked_costs_no_request(
    line: tuple[Wire, Place], fake_clock: FakeClock, user_id: str
) -> None:
    wire, place = line
    async with place.open(fake_clock) as limits:
        await limits.daily.check_and_increment(user_id, DAY, 10)
        wire.cut()
        wire.mend()
        await asyncio.sleep(1.1)
        assert (await limits.daily.check_and_increment(user_id, DAY, 10)).remaining == 8


@pytest.mark.e2e
async def test_store_that_falls_silent_hangs_nobody(
    line: tuple[Wire, Place], fake_clock: FakeClock, user_id: str
) -> None:
    wire, place = line
    async with place.open(fake_clock) as limits:
        await limits.daily.check_and_increment(user_id, DAY, 1000)
        await Process(limits.slots).start(user_id, "a")
        wire.freeze()
        started = time.monotonic()
        asks = [limits.daily.check_and_increment(user_id, DAY, 1000) for _ in range(10)]
        late = Process(limits.slots).start(user_id, "b")
        outcomes = await asyncio.gather(*asks, late, return_exceptions=True)
        assert all(isinstance(outcome, StoreUnavailable) for outcome in outcomes)
        assert time.monotonic() - started < LONGEST_ANSWER_S
        wire.mend()
        assert await recovered(limits, user_id, 1000) < 999


async def test_streams_outlive_a_store_that_is_down_for_less_than_their_leases(
    line: tuple[Wire, Place], fake_clock: FakeClock, user_id: str
) -> None:
    wire, place = line
    async with place.open(fake_clock, RENEW_EVERY_S) as limits, AsyncExitStack() as closing:
        here = Process(limits.slots)
        await here.start(user_id, "a", most=1)
        wire.cut()
        fake_clock.advance(seconds=29)
        await asyncio.sleep(RENEW_EVERY_S * 3)
        assert here.lost == []
        wire.mend()
        await asyncio.sleep(RENEW_EVERY_S * 5)
        fake_clock.advance(seconds=29)
        other = await closing.enter_async_context(place.open(fake_clock))
        with pytest.raises(TooManyConcurrentRequests):
            await Process(other.slots).start(user_id, "b", most=1)
        assert here.lost == []


async def test_stream_ends_when_its_lease_could_not_be_renewed_in_time(
    line: tuple[Wire, Place], fake_clock: FakeClock, user_id: str
) -> None:
    """Another may have its slot by then."""
    wire, place = line
    async with place.open(fake_clock, RENEW_EVERY_S) as limits:
        here = Process(limits.slots)
        await here.start(user_id, "a")
        wire.cut()
        fake_clock.advance(seconds=31)
        await eventually(lambda: here.lost == ["a"])


async def test_slot_that_could_not_be_given_back_is_given_back_later(
    line: tuple[Wire, Place], fake_clock: FakeClock, user_id: str
) -> None:
    wire, place = line
    async with place.open(fake_clock, RENEW_EVERY_S) as limits:
        here = Process(limits.slots)
        slot = await here.start(user_id, "a", most=1)
        wire.cut()
        slot.release()
        await asyncio.sleep(RENEW_EVERY_S * 3)
        wire.mend()
        async with asyncio.timeout(30):
            while True:
                try:
                    await here.start(user_id, "b", most=1)
                    break
                except (TooManyConcurrentRequests, StoreUnavailable):
                    await asyncio.sleep(0.01)


@pytest.mark.e2e
async def test_redis_that_comes_back_empty_is_told_of_the_streams_again(
    fake_clock: FakeClock, user_id: str
) -> None:
    with running_redis() as server:
        place = Place("sqlite:///nowhere.db", server.url)
        async with place.open(fake_clock, RENEW_EVERY_S) as limits:
            here = Process(limits.slots)
            await here.start(user_id, "a", most=1)
            server.kill()
            server.start()
            await asyncio.sleep(RENEW_EVERY_S * 6)
            assert here.lost == []
            with pytest.raises(TooManyConcurrentRequests):
                await here.start(user_id, "b", most=1)


@pytest.mark.e2e
async def test_postgres_that_is_not_migrated_says_so(empty_database_url: str, fake_clock: FakeClock) -> None:
    async with Place(empty_database_url).open(fake_clock) as limits:
        with pytest.raises(StoreUnavailable, match="cfx migrate"):
            await limits.daily.check_and_increment(str(uuid.uuid4()), DAY, 1)


@pytest.mark.e2e
async def test_statements_prepared_in_another_session_are_sent_whole_from_then_on(
    postgres_url: str, fake_clock: FakeClock, user_id: str
) -> None:
    """As behind a transaction pooler: the next statement comes to a session that knows none of them."""
    database = QuickPostgres(postgres_url)
    limiter = DailyLimiter(PostgresCounter(database), fake_clock)
    assert (await limiter.check_and_increment(user_id, DAY, 10)).remaining == 9
    await database.run([[(Statement("DEALLOCATE ALL"), ())]])
    assert (await limiter.check_and_increment(user_id, DAY, 10)).remaining == 8
    assert (await limiter.check_and_increment(user_id, DAY, 10)).remaining == 7
    await database.close()


@pytest.mark.e2e
async def test_batch_larger_than_the_sockets_buffers_arrives_whole(
    postgres_url: str, fake_clock: FakeClock
) -> None:
    async with Place(postgres_url).open(fake_clock) as limits:
        users = [str(uuid.uuid4()) for _ in range(20_000)]
        asks = [limits.daily.check_and_increment(user, DAY, 1) for user in users]
        assert all(answer.allowed for answer in await asyncio.gather(*asks))


# SQLite -------------------------------------------------------------------------------------------


@pytest.fixture
async def impatient(sqlite_url: str, fake_clock: FakeClock) -> AsyncIterator[Limits]:
    """On SQLite, waiting for the lock only briefly."""
    file = sqlite_file(sqlite_url)
    assert file is not None
    database = QuickSqlite(file, busy_timeout_s=0.05)
    slots = LeasedSlots(SqliteSlots(database), fake_clock)
    yield Limits(DailyLimiter(SqliteCounter(database), fake_clock), slots)
    await slots.close()
    database.close()


@pytest.fixture
def writer(sqlite_url: str) -> sqlite3.Connection:
    return sqlite3.connect(str(sqlite_file(sqlite_url)), isolation_level=None)


async def test_lock_of_another_writer_is_waited_for_without_blocking_the_loop(
    impatient: Limits, writer: sqlite3.Connection, user_id: str
) -> None:
    writer.execute("BEGIN IMMEDIATE")
    asks = [asyncio.create_task(impatient.daily.check_and_increment(user_id, DAY, 10)) for _ in range(3)]
    await asyncio.sleep(0.01)
    assert not any(ask.done() for ask in asks)
    writer.execute("COMMIT")
    assert sorted(answer.remaining for answer in await asyncio.gather(*asks)) == [7, 8, 9]
    writer.close()


async def test_lock_that_is_held_for_too_long_fails_closed_and_passes(
    impatient: Limits, writer: sqlite3.Connection, user_id: str
) -> None:
    writer.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="busy"):
        await impatient.daily.check_and_increment(user_id, DAY, 10)
    with pytest.raises(StoreUnavailable, match="busy"):
        await Process(impatient.slots).start(user_id, "a")
    writer.execute("ROLLBACK")
    writer.close()
    assert (await impatient.daily.check_and_increment(user_id, DAY, 10)).remaining == 9
    await Process(impatient.slots).start(user_id, "a")


@pytest.mark.e2e
async def test_log_of_sqlite_stays_small_although_counters_never_checkpoint(
    sqlite_url: str, fake_clock: FakeClock, user_id: str
) -> None:
    """The store's connections do it with whatever they write, the request log for instance."""
    file = sqlite_file(sqlite_url)
    assert file is not None
    async with Place(sqlite_url).open(fake_clock) as limits, opened(sqlite_url) as store:
        for _ in range(10):
            for _ in range(500):
                await limits.daily.check_and_increment(user_id, DAY, 100_000)
            async with store.transaction() as connection:
                row = {"user_id": str(uuid.uuid4()), "name": str(uuid.uuid4()), "role": "user"}
                await connection.execute(accounts.insert(), row | {"created_at": fake_clock.now()})
        assert file.with_name(file.name + "-wal").stat().st_size < 3_000 * 4096
