"""What is old goes, what is not stays, and nobody waits for it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, func, insert, select, text, update

from cfx_flow.ledger.record import LogRow
from cfx_flow.ledger.write import write_batch
from cfx_flow.limits.open import open_limits
from cfx_flow.retention.prune import ONLY_ONE, Pruner
from cfx_flow.retention.rules import rules_of
from cfx_flow.settings import HOUSE, Settings
from cfx_flow.store.engine import Store
from cfx_flow.store.tables import flow_events, flows, idempotency_keys, metadata, request_logs, snapshots
from tests.support.clock import FakeClock
from tests.support.postgres import SOMEBODY_WAITS_FOR_US
from tests.support.rows import row_of
from tests.support.stores import opened

ADA = str(uuid.UUID(int=1))
DAYS = timedelta(days=1)
AGES = ("created_at", "completed_at")


def pruner(store: Store, clock: FakeClock, **environ: str) -> Pruner:
    return Pruner(store, clock, rules_of(Settings.load(environ)))


def log_rows(count: int, at: datetime) -> list[LogRow]:
    """As they are written: ids in the order of time."""
    head = f"{int(at.timestamp() * 1000):012x}"
    ids = [f"{head[:8]}-{head[8:]}-7{n % 4096:03x}-8{n // 4096:03x}-{n:012x}" for n in range(count)]
    return [
        LogRow(
            row_id,
            *(ADA, None, ADA, None, None, "plan", "m", 1, 1, 2, False, Decimal("0.1"), 5, 5, "success", None),
            at,
        )
        for row_id in ids
    ]


async def write_logs(store: Store, count: int, at: datetime) -> None:
    rows = log_rows(count, at)
    for first in range(0, count, 1000):
        await write_batch(store, rows[first : first + 1000])


async def write(store: Store, table: Table, **values: Any) -> None:
    async with store.transaction() as connection:
        await connection.execute(insert(table).values({**row_of(table, ADA), **values}))


async def count(store: Store, table: Table) -> int:
    async with store.read() as connection:
        return int((await connection.execute(select(func.count()).select_from(table))).scalar_one())


async def test_logs_of_the_days_that_are_kept_stay_with_all_sums(store: Store, fake_clock: FakeClock) -> None:
    await write_logs(store, 450, fake_clock.now() - 91 * DAYS)
    await write_logs(store, 30, fake_clock.now() - 89 * DAYS)
    pruning = pruner(store, fake_clock)
    assert (await pruning.count())["request_logs"] == 450
    assert await count(store, request_logs) == 480
    taken = await pruning.run()
    assert (taken["request_logs"], await count(store, request_logs)) == (450, 30)
    assert (await pruning.run())["request_logs"] == 0
    async with store.read() as connection:
        assert (await connection.execute(text("SELECT sum(requests) FROM daily_usage"))).scalar() == 480


async def _one_of_everything(store: Store, at: datetime) -> None:
    """With every time in it at that moment."""
    for table in metadata.sorted_tables:
        times = {column.name: at for column in table.columns if column.name.endswith("_at")}
        values = {"day": at.date()} if "day" in table.c else {}
        if table is flows:
            values["status"] = "failed"
        if table is request_logs:
            values["id"] = log_rows(1, at)[0].id
        times.pop("disabled_at", None)
        await write(store, table, **times, **values)


async def test_what_belongs_to_an_old_flow_goes_with_it_and_accounts_and_sums_stay(
    store: Store, fake_clock: FakeClock
) -> None:
    await _one_of_everything(store, fake_clock.now() - 800 * DAYS)
    await pruner(store, fake_clock).run()
    left = {table.name for table in metadata.sorted_tables if await count(store, table)}
    assert left == {"accounts", "api_keys", "daily_usage", "stream_slots"}


async def test_nothing_young_goes_and_nothing_at_all_where_all_is_kept(
    store: Store, fake_clock: FakeClock
) -> None:
    await _one_of_everything(store, fake_clock.now() - DAYS)
    assert not any((await pruner(store, fake_clock).run()).values())
    fake_clock.advance(days=4000)
    names = ("LOGS", "FLOWS", "RESUMABLE", "SNAPSHOTS", "AUDIT")
    taken = await pruner(store, fake_clock, **{f"CFX_KEEP_{name}_DAYS": "0" for name in names}).run()
    assert {name for name, rows in taken.items() if rows} == {"idempotency_keys", "usage_counters"}


async def test_flow_that_runs_or_waits_is_never_old(store: Store, fake_clock: FakeClock) -> None:
    await _one_of_everything(store, fake_clock.now() - 800 * DAYS)
    async with store.transaction() as connection:
        await connection.execute(update(flows).values(completed_at=None, status="requires_action"))
    await pruner(store, fake_clock).run()
    for table in (
        flows,
        flow_events,
        snapshots,
        metadata.tables["flow_checkpoints"],
        metadata.tables["effects"],
    ):
        assert await count(store, table) == 1, table.name


async def test_ended_flow_loses_its_checkpoints_first(store: Store, fake_clock: FakeClock) -> None:
    await _one_of_everything(store, fake_clock.now() - 31 * DAYS)
    taken = await pruner(store, fake_clock).run()
    gone = {name for name, rows in taken.items() if rows}
    assert {"flow_checkpoints", "flow_checkpoint_writes", "effects"} <= gone
    assert not gone & {"flows", "snapshots"}


async def test_what_is_kept_for_ever_to_go_on_with_a_flow_goes_with_the_flow(
    store: Store, fake_clock: FakeClock
) -> None:
    await _one_of_everything(store, fake_clock.now() - 91 * DAYS)
    taken = await pruner(store, fake_clock, CFX_KEEP_RESUMABLE_DAYS="0").run()
    assert taken["flows"] == taken["flow_checkpoints"] == taken["flow_checkpoint_writes"] == 1


@pytest.mark.e2e
async def test_snapshot_that_a_flow_takes_up_at_this_moment_stays(
    postgres_url: str, fake_clock: FakeClock
) -> None:
    """On Postgres alone: SQLite has one writer at a time."""
    async with opened(postgres_url) as store:
        await write(store, snapshots, created_at=fake_clock.now() - 8 * DAYS)
        async with store.transaction() as connection, asyncio.timeout(20):
            await connection.execute(insert(flows).values({**row_of(flows, ADA), "status": "queued"}))
            pruning = asyncio.create_task(pruner(store, fake_clock).run())
            while not (await connection.execute(SOMEBODY_WAITS_FOR_US)).scalar():
                await asyncio.sleep(0.01)
        assert (await pruning)["snapshots"] == 0
        assert await count(store, snapshots) == 1


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("table", "again"),
    [
        (flows, {"completed_at": None}),
        (snapshots, {"created_at": datetime(2100, 1, 1, tzinfo=UTC)}),
        (idempotency_keys, {"created_at": datetime(2100, 1, 1, tzinfo=UTC)}),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
async def test_what_is_taken_up_again_at_this_moment_stays(
    postgres_url: str, fake_clock: FakeClock, table: Table, again: dict[str, Any]
) -> None:
    """A flow that is resumed, files that are brought again, a key that is used again. On Postgres alone."""
    async with opened(postgres_url) as store:
        if table is flows:
            await write(store, snapshots, created_at=fake_clock.now())
        old = {column.name: fake_clock.now() - 800 * DAYS for column in table.c if column.name in AGES}
        await write(store, table, **old)
        async with store.transaction() as connection, asyncio.timeout(20):
            await connection.execute(update(table).values(**again))
            pruning = asyncio.create_task(pruner(store, fake_clock).run())
            while not (await connection.execute(SOMEBODY_WAITS_FOR_US)).scalar():
                await asyncio.sleep(0.01)
        assert (await pruning)[table.name] == 0
        assert await count(store, table) == 1


async def test_requests_go_on_while_many_rows_go(
    database_url: str, store_of: Store, fake_clock: FakeClock
) -> None:
    """A counter, a log row and a page of the log, over and over, from before the first batch to after the
    last one; none of them fails, and each comes to its end between two batches."""
    await write_logs(store_of, 6000, fake_clock.now() - 100 * DAYS)
    await write_logs(store_of, 50, fake_clock.now())
    pruning = asyncio.create_task(pruner(store_of, fake_clock).run())
    served = 0
    async with open_limits(database_url, fake_clock) as limits:
        while not pruning.done():
            assert (await limits.daily.check_and_increment(ADA, fake_clock.now().date(), 10**6)).allowed
            await write_batch(store_of, log_rows(100 + served + 1, fake_clock.now() + DAYS)[-1:])
            served += 1
        counted = 10**6 - (await limits.daily.peek(ADA, fake_clock.now().date(), 10**6)).remaining
    assert (await pruning)["request_logs"] == 6000
    batches = 6000 / (200 if store_of.dialect == "sqlite" else 1000)
    assert served == counted >= batches / 2
    assert await count(store_of, request_logs) == 50 + served


@pytest.fixture
async def store_of(database_url: str) -> AsyncIterator[Store]:
    async with opened(database_url) as store:
        yield store


@pytest.mark.e2e
async def test_of_two_processes_one_prunes(postgres_url: str, fake_clock: FakeClock) -> None:
    async with opened(postgres_url) as store, opened(postgres_url) as other:
        await write_logs(store, 5, fake_clock.now() - 100 * DAYS)
        async with other.transaction() as connection:
            assert (await connection.execute(ONLY_ONE)).scalar()
            assert not any((await pruner(store, fake_clock).run()).values())
        assert (await pruner(store, fake_clock).run())["request_logs"] == 5


async def test_old_logs_are_found_by_the_primary_key(sqlite_store: Store, fake_clock: FakeClock) -> None:
    rule = rules_of(Settings.load({}))[0]
    statement = rule.delete(fake_clock.now(), "sqlite")
    async with sqlite_store.read() as connection:
        compiled = statement.compile(connection.sync_connection, compile_kwargs={"literal_binds": True})  # type: ignore[arg-type]
        plan = (await connection.execute(text(f"EXPLAIN QUERY PLAN {compiled}"))).all()
    assert not any(row.detail.startswith("SCAN") for row in plan), plan


def test_defaults_are_documented() -> None:
    example = Path(HOUSE / ".env.example").read_text("utf-8")
    settings = Settings.load({})
    for name in ("logs", "flows", "resumable", "snapshots", "audit"):
        assert f"CFX_KEEP_{name.upper()}_DAYS={getattr(settings, f'keep_{name}_days')}\n" in example
