"""``python -m benchmarks.store.pruning``: a million old log rows go, and nobody waits for it.

A counter, a row of the request log and a page of the dashboard's log are asked for all the time, each again a
moment after its answer: for a while without pruning, then until it is done. Option: ``--rows``.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import text

from benchmarks.store.calls import call_of
from cfx_flow.clock import SystemClock
from cfx_flow.ledger.pages import Wanted, read_page
from cfx_flow.ledger.record import LogRow, ordered_ids, to_row
from cfx_flow.ledger.write import RowWriter
from cfx_flow.limits.open import open_limits
from cfx_flow.retention.prune import Pruner
from cfx_flow.retention.rules import rules_of
from cfx_flow.settings import Settings
from cfx_flow.store.engine import Store, open_store
from cfx_flow.store.migrate import migrate
from tests.support.postgres import as_app, running_postgres

PAUSE_S = 0.002
ALONE_S = 10.0
OLD = timedelta(days=100)
USER = str(uuid.UUID(int=1))

OLD_ON_POSTGRES = """
INSERT INTO request_logs (id, user_id, request_id, session_id, stage, model, input_tokens, output_tokens,
    total_tokens, estimated, cost_usd, latency_ms, ttft_ms, status, created_at)
SELECT (lpad(to_hex(:ms + n / 100), 12, '0') || '7000' || '8' || lpad(to_hex(n), 15, '0'))::uuid,
    CAST(:user AS uuid), gen_random_uuid(), 'session ' || n / 50, 'code', 'deepseek-v3', 1000, 100, 1100,
    false, 0.0003, 900, 90, CASE WHEN n % 97 = 0 THEN 'error' ELSE 'success' END, CAST(:at AS timestamptz)
FROM generate_series(1, :rows) AS n
"""
OLD_ON_SQLITE = """
WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < :rows)
INSERT INTO request_logs (id, user_id, request_id, session_id, stage, model, input_tokens, output_tokens,
    total_tokens, estimated, cost_usd, latency_ms, ttft_ms, status, created_at)
SELECT printf('%012x70008%015x', :ms + n / 100, n), :user, lower(hex(randomblob(16))), 'session ' || n / 50,
    'code', 'deepseek-v3', 1000, 100, 1100, 0, 0.0003, 900, 90,
    CASE WHEN n % 97 = 0 THEN 'error' ELSE 'success' END, :at
FROM r
"""
Waits = Mapping[str, list[float]]


async def fill(store: Store, rows: int) -> None:
    at = datetime.now(UTC) - OLD
    is_sqlite = store.dialect == "sqlite"
    values = {
        "ms": int(at.timestamp() * 1000),
        "rows": rows,
        "user": USER.replace("-", "") if is_sqlite else USER,
        "at": at.isoformat(" ", "microseconds")[:26] if is_sqlite else at,
    }
    async with store.transaction() as connection:
        await connection.execute(text(OLD_ON_SQLITE if is_sqlite else OLD_ON_POSTGRES), values)


async def serve_until(asks: Mapping[str, Callable[[], Awaitable[object]]], done: asyncio.Event) -> Waits:
    """Milliseconds of every answer."""
    waits: dict[str, list[float]] = {name: [] for name in asks}

    async def again_and_again(name: str) -> None:
        while not done.is_set():
            began = time.perf_counter()
            await asks[name]()
            waits[name].append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(PAUSE_S)

    await asyncio.gather(*map(again_and_again, asks))
    return waits


async def measure(url: str, rows: int) -> None:
    store, clock = await open_store(url), SystemClock()
    began = time.perf_counter()
    await fill(store, rows)
    print(f"\n{store.dialect}: {rows:,} old rows, made in {time.perf_counter() - began:.0f} s")
    writer, pruner = RowWriter(store), Pruner(store, clock, rules_of(Settings.load({})))
    async with open_limits(url, clock) as limits:
        asks: dict[str, Callable[[], Awaitable[object]]] = {
            "a counter": lambda: limits.daily.check_and_increment(USER, clock.now().date(), 10**9),
            "a row of the log": lambda: writer.write([_row(clock.now())]),
            "a page of the log": lambda: read_page(store, USER, Wanted(), limit=50),
        }
        done = asyncio.Event()
        asyncio.get_running_loop().call_later(ALONE_S, done.set)
        alone, done = await serve_until(asks, done), asyncio.Event()
        pruning = asyncio.create_task(pruner.run())
        pruning.add_done_callback(lambda _: done.set())
        began = time.perf_counter()
        beside = await serve_until(asks, done)
        took = time.perf_counter() - began
    gone = (await pruning)["request_logs"]
    writer.close()
    await store.close()
    print(f"pruned {gone:,} rows in {took:.0f} s")
    print(f"{'ms':<20}{'alone: p50':>12}{'p99':>9}{'longest':>9}{'meanwhile':>12}{'p99':>9}{'longest':>9}")
    for name in asks:
        cells = [_at(waits[name], share) for waits in (alone, beside) for share in (0.5, 0.99, 1.0)]
        print(f"{name:<20}" + "{:>12.2f}{:>9.2f}{:>9.2f}{:>12.2f}{:>9.2f}{:>9.2f}".format(*cells))


def _row(now: datetime) -> LogRow:
    return to_row(ordered_ids(1)[0], call_of(USER, now))


def _at(waits: list[float], share: float) -> float:
    return sorted(waits)[min(int(len(waits) * share), len(waits) - 1)]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.store.pruning")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", choices=["postgresql", "sqlite"])
    options = parser.parse_args()
    if options.only != "sqlite":
        with running_postgres(f"prune{os.getpid()}", settings="max_connections=50\n") as server:
            url = server.create_database()
            migrate(url)
            asyncio.run(measure(as_app(url), options.rows))
            server.drop_database(url)
    if options.only != "postgresql":
        with tempfile.TemporaryDirectory(prefix="cfx-bench-") as folder:
            url = f"sqlite:///{Path(folder) / 'cfx.db'}"
            migrate(url)
            asyncio.run(measure(url, options.rows))


if __name__ == "__main__":
    main()
