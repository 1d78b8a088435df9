"""The request log: what is recorded arrives, and what goes wrong with it stays with it."""

from __future__ import annotations

import asyncio
import sqlite3
import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from cfx_flow.ledger import CallRecord, RequestLog
from cfx_flow.store.address import sqlite_file
from cfx_flow.store.engine import Store, open_store
from cfx_flow.store.tables import request_logs
from tests.ledger.conftest import call
from tests.support.stores import eventually


async def rows(store: Store) -> list[Any]:
    async with store.read() as connection:
        return list(await connection.execute(select(request_logs)))


async def test_call_arrives_whole(store: Store) -> None:
    log, recorded = RequestLog(store), call(session_id="s", flow_id=str(uuid.uuid4()), estimated=True)
    await log.start()
    log.record(recorded)
    await log.flush()
    (row,) = await rows(store)
    for name in set(CallRecord.__slots__) - {"error_code"}:
        assert getattr(row, name) == getattr(recorded, name), name
    assert row.total_tokens == 1234
    await log.close()


async def test_close_writes_what_is_queued(store: Store) -> None:
    log = RequestLog(store, gather_s=60)
    await log.start()
    for _ in range(1300):
        log.record(call())
    await log.close()
    assert (len(await rows(store)), log.dropped, log.queued) == (1300, 0, 0)


async def test_full_queue_drops_and_counts(store: Store) -> None:
    log = RequestLog(store, capacity=10)
    for _ in range(25):
        log.record(call())
    assert (log.queued, log.dropped) == (10, 15)
    await log.start()
    await log.close()
    assert len(await rows(store)) == 10


async def test_record_after_close_is_counted_not_lost_silently(sqlite_store: Store) -> None:
    log = RequestLog(sqlite_store)
    await log.start()
    await log.close()
    log.record(call())
    assert log.dropped == 1


async def test_log_that_never_started_closes_and_counts(sqlite_store: Store) -> None:
    log = RequestLog(sqlite_store)
    log.record(call())
    await log.close()
    assert (log.dropped, log.queued) == (1, 0)


async def test_bad_row_does_not_spoil_its_batch(store: Store) -> None:
    log = RequestLog(store)
    for values in ({}, {"created_at": datetime(2026, 3, 1)}, {}):  # noqa: DTZ001 - a naive time is the bad value
        log.record(call(**values))
    await log.start()
    await log.close()
    assert (len(await rows(store)), log.dropped) == (2, 1)


async def test_values_that_do_not_fit_are_made_to_fit(store: Store) -> None:
    log = RequestLog(store)
    log.record(
        call(
            session_id="s" * 5000,
            model="m\0\ud800" * 300,
            stage="x" * 99,
            error_message="e" * 100_000,
            input_tokens=2**40,
            output_tokens=-5,
            latency_ms=2**40,
            cost_usd=Decimal("1e9"),
        )
    )
    await log.start()
    await log.close()
    (row,) = await rows(store)
    assert (row.input_tokens, row.output_tokens, row.total_tokens) == (2**31 - 1, 0, 2**31 - 1)
    assert (len(row.session_id), len(row.error_message)) == (200, 2000)
    assert row.model.startswith("m?m?")
    assert log.dropped == 0


@pytest.mark.parametrize("cost", ["NaN", "Infinity", "-1"])
async def test_cost_that_is_no_amount_does_not_stop_the_log(store: Store, cost: str) -> None:
    log = RequestLog(store)
    log.record(call(cost_usd=Decimal(cost)))
    log.record(call())
    await log.start()
    await log.close()
    assert (len(await rows(store)), log.dropped) == (2, 0)


async def test_rubbish_in_a_record_does_not_end_the_log(sqlite_store: Store) -> None:
    log = RequestLog(sqlite_store)
    log.record(call(input_tokens=None, cost_usd="free", model=7))
    log.record(call())
    await log.start()
    await log.close()
    assert (len(await rows(sqlite_store)), log.dropped) == (1, 1)


async def test_locked_store_is_tried_again_and_nothing_is_lost(sqlite_url: str) -> None:
    store = await open_store(sqlite_url, busy_timeout_s=0.02)
    other = sqlite3.connect(str(sqlite_file(sqlite_url)), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    log = RequestLog(store, gather_s=0, retry_after_s=(0.05,) * 100)
    await log.start()
    log.record(call())
    await asyncio.sleep(0.1)
    assert log.queued == 1
    other.execute("ROLLBACK")
    other.close()
    await log.flush()
    assert (len(await rows(store)), log.dropped) == (1, 0)
    await log.close()
    await store.close()


async def test_dead_store_costs_the_rows_a_bounded_number_of_tries_and_no_more() -> None:
    store = await open_store("postgresql://127.0.0.1:1/nothing-listens-here")
    log = RequestLog(store, gather_s=0, retry_after_s=(0, 0))
    await log.start()
    log.record(call())
    await eventually(lambda: log.dropped == 1)
    log.record(call())
    await eventually(lambda: log.dropped == 2)
    await log.close()
    await store.close()


async def test_close_is_bounded_when_the_store_hangs(sqlite_url: str) -> None:
    store = await open_store(sqlite_url)
    log = RequestLog(store, gather_s=0)
    async with store.transaction():  # the log waits for its turn
        await log.start()
        log.record(call())
        await asyncio.sleep(0.01)
        await log.close(timeout_s=0.05)
    assert (log.dropped, log.queued) == (1, 0)
    await store.close()


async def test_recording_never_waits(sqlite_store: Store) -> None:
    """A hundred records without giving the loop a turn: ``record`` is a plain function."""
    log = RequestLog(sqlite_store, capacity=100)
    await log.start()
    for _ in range(101):
        log.record(call())
    assert log.dropped == 1
    await log.close()
    assert (len(await rows(sqlite_store)), log.dropped) == (100, 1)


async def test_sqlite_s_log_file_is_emptied_along_the_way(sqlite_store: Store) -> None:
    """The connection that writes the rows makes no checkpoints of its own."""
    log = RequestLog(sqlite_store, gather_s=0)
    await log.start()
    one = call()
    for _ in range(5000):
        log.record(one)
    await log.flush()
    assert sqlite_store.file is not None
    assert sqlite_store.file.stat().st_size > 1_000_000, "the rows are in the file"
    assert sqlite_store.file.with_name("cfx.db-wal").stat().st_size < 8_000_000
    await log.close()
