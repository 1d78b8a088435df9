"""Jobs: alike on both databases; on SQLite they share transactions, and none takes another with it."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Event, Thread
from uuid import uuid4

import pytest
from sqlalchemy import bindparam, column, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from cfx_flow.errors import StoreUnavailable
from cfx_flow.store.engine import Store, open_store
from cfx_flow.store.jobs import Ask, Job, Steps
from cfx_flow.store.sqlite_jobs import PAGES_BEFORE_CHECKPOINT
from cfx_flow.store.tables import idempotency_keys as keys
from cfx_flow.store.write_turn import WriteTurn
from tests.support.stores import eventually, opened

NEW = insert(keys).values({column.name: bindparam(column.name) for column in keys.c})
SLEEP = text("SELECT pg_sleep(:seconds)")
SYNCHRONOUS = select(column("synchronous")).select_from(text("pragma_synchronous"))
ALL = select(keys.c.key, keys.c.created_at).order_by(keys.c.key)
USER, FLOW, NOW = str(uuid4()), str(uuid4()), datetime(2026, 1, 31, 12, tzinfo=UTC)


class Refused(Exception):
    pass


def row(name: str) -> dict[str, object]:
    return {"user_id": USER, "key": name, "body_hash": b"\0", "flow_id": FLOW, "created_at": NOW}


def writing(*names: str, error: Exception | None = None) -> Job[int]:
    def job() -> Steps[int]:
        for name in names:
            yield Ask(NEW, row(name))
        if error is not None:
            raise error
        return len((yield Ask(ALL, {})))

    return job


async def names_in(store: Store) -> list[str]:
    def job() -> Steps[list[str]]:
        return [found["key"] for found in (yield Ask(ALL, {}))]

    return await store.look(job)


async def test_rows_come_back_as_values(store: Store) -> None:
    assert await store.run(writing("a")) == 1

    def job() -> Steps[datetime]:
        found: datetime = (yield Ask(ALL, {}))[0]["created_at"]
        return found

    assert await store.look(job) == NOW


async def test_a_statement_that_gives_no_rows_tells_how_many_it_has_changed(store: Store) -> None:
    await store.run(writing("a", "b"))
    touch = update(keys).values(body_hash=b"\1").where(keys.c.key <= bindparam("last"))

    def touched(last: str) -> Steps[int]:
        return len((yield Ask(touch, {"last": last})))

    assert [await store.run(partial(touched, last)) for last in ("b", "a", "_")] == [2, 1, 0]


async def test_a_job_that_raises_has_written_nothing_and_spoils_no_other(store: Store) -> None:
    jobs = [writing("a"), writing("x", error=Refused()), writing("b"), writing(error=Refused()), writing("c")]
    outcomes = await asyncio.gather(*(store.run(job) for job in jobs), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [int, Refused, int, Refused, int]
    assert await names_in(store) == ["a", "b", "c"]


async def test_a_statement_that_fails_is_its_own_jobs_affair(store: Store) -> None:
    await store.run(writing("a"))
    outcomes = await asyncio.gather(
        store.run(writing("b", "a")), store.run(writing("c")), return_exceptions=True
    )
    assert isinstance(outcomes[0], IntegrityError | sqlite3.IntegrityError)
    assert isinstance(outcomes[1], int)
    assert await names_in(store) == ["a", "c"]


async def test_jobs_asked_together_are_one_transaction(sqlite_store: Store) -> None:
    file = sqlite_store.file
    assert file is not None
    with closing(sqlite3.connect(file)) as other:

        def version() -> int:
            return int(other.execute("PRAGMA data_version").fetchone()[0])

        await sqlite_store.run(writing("first"))
        before = version()
        await asyncio.gather(*(sqlite_store.run(writing(f"{n:03}")) for n in range(100)))
        assert version() == before + 1
    assert len(await names_in(sqlite_store)) == 101


async def test_lazy_jobs_wait_for_no_disk_unless_they_share_a_commit_with_one_that_does(
    sqlite_store: Store,
) -> None:
    def told(name: str) -> Steps[int]:
        yield from writing(name)()
        return int((yield Ask(SYNCHRONOUS, {}))[0]["synchronous"])

    async def level(name: str, *, is_lazy: bool) -> int:
        return await sqlite_store.run(lambda: told(name), is_lazy=is_lazy)

    lazy, durable = 1, 2
    assert await level("a", is_lazy=True) == lazy
    assert await level("b", is_lazy=False) == durable
    assert await level("c", is_lazy=True) == lazy
    assert await asyncio.gather(level("d", is_lazy=True), level("e", is_lazy=False)) == [durable, durable]
    assert await names_in(sqlite_store) == ["a", "b", "c", "d", "e"]


async def test_what_a_lazy_job_wrote_comes_to_the_disk_by_itself(sqlite_store: Store) -> None:
    def waiting_for_the_disk() -> int:
        return [thread.name for thread in threading.enumerate()].count("sqlite-commit")

    before = waiting_for_the_disk()
    await sqlite_store.run(writing("a"), is_lazy=True)
    assert waiting_for_the_disk() == before
    await eventually(lambda: waiting_for_the_disk() == before + 1)


async def test_lazy_jobs_leave_it_to_others_to_move_pages_out_of_the_log(sqlite_store: Store) -> None:
    file = sqlite_store.file
    assert file is not None
    many = PAGES_BEFORE_CHECKPOINT * 4096

    def big() -> Steps[None]:
        yield Ask(NEW, row("big") | {"body_hash": bytes(many)})

    await sqlite_store.run(big, is_lazy=True)
    await sqlite_store.run(writing("lazy"), is_lazy=True)
    assert file.stat().st_size < many
    await sqlite_store.run(writing("durable"))
    assert file.stat().st_size > many


async def test_jobs_and_transactions_take_turns(store: Store) -> None:
    async def by_transaction(name: str) -> None:
        async with store.transaction() as connection:
            await connection.execute(NEW, row(name))
            await asyncio.sleep(0.001)

    together = [by_transaction(f"t{n:02}") for n in range(20)]
    await asyncio.gather(*together, *(store.run(writing(f"j{n:02}")) for n in range(20)))
    assert len(await names_in(store)) == 40


async def test_a_job_waits_for_another_process_and_then_says_so(sqlite_url: str) -> None:
    store = await open_store(sqlite_url, busy_timeout_s=0.2)
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="busy"):
            await store.run(writing("a"))
        waiting = asyncio.ensure_future(store.run(writing("b")))
        await asyncio.sleep(0.05)
        other.execute("ROLLBACK")
        await waiting
    assert await names_in(store) == ["b"]
    await store.close()


async def test_a_full_disk_fails_the_batch_and_nothing_after_it(sqlite_url: str) -> None:
    """SQLite's own limit of pages answers as a full disk does."""
    store = await open_store(sqlite_url)
    await store.run(writing("a"))
    jobs = store._jobs
    assert jobs is not None
    writer = jobs._writer
    assert writer is not None
    pages = writer.execute("PRAGMA page_count").fetchone()[0]
    writer.execute(f"PRAGMA max_page_count={pages}")
    big = [f"{n:03}" + "x" * 200 for n in range(200)]
    with pytest.raises(StoreUnavailable, match="full"):
        await store.run(writing(*big))
    writer.execute("PRAGMA max_page_count=1000000")
    await store.run(writing("b"))
    assert await names_in(store) == ["a", "b"]
    await store.close()


async def test_while_a_commit_waits_for_the_disk_others_read_what_was_before(sqlite_store: Store) -> None:
    await sqlite_store.run(writing("a"))
    jobs, disk = sqlite_store._jobs, Event()
    assert jobs is not None
    jobs._disk.run(lambda: disk.wait(30), lambda _: None)
    under_way = asyncio.ensure_future(sqlite_store.run(writing("b")))
    await asyncio.sleep(0.05)
    assert await names_in(sqlite_store) == ["a"]
    assert not under_way.done()
    disk.set()
    await under_way
    assert await names_in(sqlite_store) == ["a", "b"]


async def test_a_commit_goes_on_and_keeps_its_turn_though_whoever_waits_for_it_is_cancelled(
    sqlite_store: Store,
) -> None:
    """As a loop that ends cancels all its tasks."""
    await sqlite_store.run(writing("a"))
    jobs, turn, disk = sqlite_store._jobs, sqlite_store._turn, Event()
    assert jobs is not None
    assert isinstance(turn, WriteTurn)
    assert turn.take()
    mine = asyncio.current_task()
    under_way = asyncio.ensure_future(sqlite_store.run(writing("b")))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    jobs._disk.run(lambda: disk.wait(30), lambda _: None)
    turn.give_back()
    await asyncio.sleep(0.05)
    for task in asyncio.all_tasks() - {mine}:
        task.cancel()
    await asyncio.wait([under_way], timeout=30)
    assert under_way.cancelled()
    assert not turn.take()
    disk.set()
    await eventually(turn.take)
    turn.give_back()
    assert await names_in(sqlite_store) == ["a", "b"]


async def test_a_job_that_looks_cannot_write(sqlite_store: Store) -> None:
    for name in "bc":  # before there is a writer, and on the writer
        with pytest.raises(TypeError, match="only reads; run this one: INSERT"):
            await sqlite_store.look(writing("a"))
        await sqlite_store.run(writing(name))
    assert await names_in(sqlite_store) == ["b", "c"]


async def test_a_commit_that_the_disk_refuses_is_undone_and_told_to_all_in_it(sqlite_store: Store) -> None:
    """As large as a file may be: the log takes no more pages."""
    await sqlite_store.run(writing("a"))
    log = Path(f"{sqlite_store.file}-wal")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size, before[1]))
    try:
        jobs = [sqlite_store.run(writing(name)) for name in "bc"]
        outcomes = await asyncio.gather(*jobs, return_exceptions=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable, StoreUnavailable]
    assert await sqlite_store.run(writing("d")) == 2
    assert await names_in(sqlite_store) == ["a", "d"]


async def test_a_thread_that_the_system_refuses_fails_that_commit_and_none_after_it(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as full:
        full.setattr(Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="new thread"):
            await sqlite_store.run(writing("a"))
    assert await asyncio.wait_for(sqlite_store.run(writing("b")), 5) == 1
    assert await names_in(sqlite_store) == ["b"]


async def test_closing_waits_for_what_is_being_written(sqlite_url: str, tmp_path: Path) -> None:
    store = await open_store(sqlite_url)
    under_way = asyncio.ensure_future(store.run(writing("a")))
    await asyncio.sleep(0)
    await under_way
    await store.close()
    again = await open_store(sqlite_url)
    assert await names_in(again) == ["a"]
    await again.close()


@pytest.mark.parametrize("how", ["run", "look"])
async def test_who_is_cancelled_again_in_a_statement_on_postgres_hears_of_nothing_else(
    postgres_url: str, how: str
) -> None:
    """The driver gives the connection up then, and there is nothing to roll back on."""
    async with opened(postgres_url) as store:
        asked = asyncio.Event()

        def sleeping() -> Steps[None]:
            asked.set()
            yield Ask(SLEEP, {"seconds": 30})

        waiting = asyncio.create_task(getattr(store, how)(sleeping))
        await asked.wait()
        await asyncio.sleep(0.1)
        waiting.cancel()
        await asyncio.sleep(0)
        waiting.cancel()
        (outcome,) = await asyncio.gather(waiting, return_exceptions=True)
        assert isinstance(outcome, asyncio.CancelledError)
        assert await store.run(writing("a")) == 1
