"""PgBouncer lends its sessions by the transaction: the API works behind it, workers say that they do not."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, text

from cfx_flow.clock import SystemClock
from cfx_flow.errors import ConfigError, StoreUnavailable
from cfx_flow.limits.open import open_limits
from cfx_flow.store.engine import Store
from cfx_flow.store.migrate import require_schema
from cfx_flow.store.tables import accounts
from cfx_flow.workers.sessions import require_sessions
from tests.support.offices import Graph, office, person
from tests.support.pgbouncer import pgbouncer
from tests.support.stores import opened

pytestmark = pytest.mark.e2e


@pytest.fixture
def pooled_url(postgres_url: str) -> Iterator[str]:
    with pgbouncer(postgres_url) as url:
        yield url


@pytest.fixture
async def store(pooled_url: str) -> AsyncIterator[Store]:
    async with opened(pooled_url) as store:
        yield store


async def test_a_hundred_people_on_four_sessions_see_their_own_rows(store: Store) -> None:
    """Role and claims end with the transaction, so that the next one's session is clean."""
    await require_schema(store)
    people = [str(uuid.uuid4()) for _ in range(100)]
    now = datetime.now(UTC)
    rows = [{"user_id": one, "name": one, "role": "user", "created_at": now} for one in people]
    async with store.transaction() as connection:
        await connection.execute(accounts.insert(), rows)

    async def look(user_id: str) -> list[str]:
        async with store.read(person=user_id) as connection:
            return list((await connection.execute(select(accounts.c.user_id))).scalars())

    for _ in range(3):
        assert await asyncio.gather(*map(look, people)) == [[one] for one in people]


async def test_limits_are_exact_behind_it_from_several_processes(pooled_url: str) -> None:
    """Each has statements that it has prepared, in sessions which are others' a moment later."""
    user, clock = str(uuid.uuid4()), SystemClock()
    day = clock.now().date()
    async with (
        open_limits(pooled_url, clock) as one,
        open_limits(pooled_url, clock) as other,
        open_limits(pooled_url, clock) as third,
    ):
        asked = [
            limits.daily.check_and_increment(user, day, 100)
            for _ in range(50)
            for limits in (one, other, third)
        ]
        answers = await asyncio.gather(*asked)
    assert Counter(answer.allowed for answer in answers) == {True: 100, False: 50}


async def test_orders_are_taken_behind_it_and_a_worker_refuses(pooled_url: str, postgres_url: str) -> None:
    await require_sessions(postgres_url)
    with pytest.raises(ConfigError, match=r"transaction pooler at this address.*5432, not 6543"):
        await require_sessions(pooled_url)
    graph = Graph()
    async with office(pooled_url, graph, works=False) as desk, office(postgres_url, graph) as worker:
        flow_id = await desk.queue(person("ada"))
        async with asyncio.timeout(10):
            while graph.running != {flow_id}:
                await asyncio.sleep(0.02)
        graph.end(flow_id)
    del worker


async def test_a_pool_that_is_used_up_is_a_503_that_says_when_to_come_again(postgres_url: str) -> None:
    async with opened(postgres_url, pool_timeout_s=0.2) as store, asyncio.TaskGroup() as holders:
        held, free = asyncio.Semaphore(0), asyncio.Event()

        async def hold() -> None:
            async with store.read() as connection:
                await connection.execute(text("SELECT 1"))
                held.release()
                await free.wait()

        for _ in range(20):
            holders.create_task(hold())
        for _ in range(20):
            await held.acquire()
        with pytest.raises(StoreUnavailable, match="busy") as refused:
            async with store.read() as connection:
                await connection.execute(text("SELECT 1"))
        assert (refused.value.status, refused.value.headers) == (503, {"retry-after": "2"})
        free.set()
        await asyncio.sleep(0)
        async with store.read() as connection:
            assert (await connection.execute(text("SELECT 1"))).scalar() == 1


async def test_a_server_that_is_restarted_is_found_again_through_it(store: Store, postgres_url: str) -> None:
    await require_schema(store)
    async with opened(postgres_url) as direct, direct.read() as connection:
        await connection.execute(text("SET LOCAL ROLE NONE"))
        await connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    async with asyncio.timeout(30):
        while True:
            try:
                await require_schema(store)
                break
            except StoreUnavailable:
                await asyncio.sleep(0.1)
