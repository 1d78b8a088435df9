"""``python -m benchmarks.store``: what the dashboard asks, of a million log rows and 100,000 flows.

Each question is asked as the server asks it: as ``cfx_app``, under the person's role and claims, of the user
with a fifth of all rows. Printed: its median and worst time beside what it must stay below, and with
``--explain`` Postgres' plan of each statement. Then the request log is written as fast as it goes.
Options: ``--logs``, ``--flows``.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine, event

from benchmarks.store.beside import measure_beside
from benchmarks.store.rows import HEAVY, fill
from cfx_flow.flows.model import FlowStatus
from cfx_flow.flows.pages import Wanted as WantedFlows
from cfx_flow.flows.reads import FlowReads
from cfx_flow.ledger.month import read_month
from cfx_flow.ledger.pages import Wanted, read_page
from cfx_flow.ledger.record import CallRecord, ordered_ids, to_row
from cfx_flow.ledger.usage import read_usage_of
from cfx_flow.ledger.vitals import read_vitals
from cfx_flow.ledger.write import POSTGRES_BATCH, write_batch
from cfx_flow.store.engine import Store, open_store
from cfx_flow.store.migrate import migrate
from tests.support.postgres import as_app, running_postgres

MUST_MS = 50.0
MUST_ROWS_PER_S = 2000
TIMES = 20
WRITTEN = 10_000
DURABLE = "max_connections=50\n"
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)

Question = Callable[[], Awaitable[Any]]


@dataclass(frozen=True)
class Asked:
    name: str
    median_ms: float
    worst_ms: float
    statements: list[tuple[str, Any]]


def questions(store: Store, flow_id: str, middle: str | None) -> dict[str, Question]:
    """By what the dashboard shows."""
    flows, day = FlowReads(store), NOW.date()
    running = WantedFlows(statuses=(FlowStatus.QUEUED, FlowStatus.IN_PROGRESS))
    return {
        "usage, 30 days": lambda: read_usage_of(store, HEAVY, day - timedelta(days=29), day),
        "usage, a year": lambda: read_usage_of(store, HEAVY, date(2025, 11, 30), day),
        "the month's budget": lambda: read_month(store, HEAVY, NOW),
        "status of the last hour": lambda: read_vitals(store, HEAVY, NOW - timedelta(hours=1)),
        "status of the last day": lambda: read_vitals(store, HEAVY, NOW - timedelta(days=1)),
        "logs, first page": lambda: read_page(store, HEAVY, Wanted(), limit=50),
        "logs, a page far down": lambda: read_page(store, HEAVY, Wanted(), limit=50, cursor=middle),
        "logs, errors": lambda: read_page(store, HEAVY, Wanted(status="error"), limit=50),
        "logs, one session": lambda: read_page(store, HEAVY, Wanted(session_id="session 100"), limit=50),
        "logs, one stage": lambda: read_page(store, HEAVY, Wanted(stage="plan"), limit=50),
        "logs, a model nobody asked": lambda: read_page(store, HEAVY, Wanted(model="none"), limit=50),
        "flows, first page": lambda: flows.list(HEAVY, limit=100),
        "flows, rejected": lambda: flows.list(HEAVY, WantedFlows(statuses=(FlowStatus.REJECTED,)), limit=100),
        "flows, running": lambda: flows.list(HEAVY, running, limit=100),
        "flows, words of all": lambda: flows.list(HEAVY, WantedFlows(text="In Words"), limit=100),
        "flows, words of one": lambda: flows.list(HEAVY, WantedFlows(text="task 4995 "), limit=100),
        "flows, words of none": lambda: flows.list(HEAVY, WantedFlows(text="nobody wrote it"), limit=100),
        "flows, words and rejected": lambda: flows.list(
            HEAVY, WantedFlows((FlowStatus.REJECTED,), text="task 4"), limit=100
        ),
        "flows, an id's beginning": lambda: flows.list(HEAVY, WantedFlows(text=flow_id[:8]), limit=100),
        "a flow": lambda: flows.get(HEAVY, flow_id),
        "its patch": lambda: flows.with_patch(HEAVY, flow_id),
        "its steps": lambda: flows.steps_for(HEAVY, flow_id),
        "its events": lambda: flows.events(flow_id, person=HEAVY),
    }


async def ask(name: str, question: Question) -> Asked:
    with statements_seen() as seen:
        await question()
    took = []
    for _ in range(TIMES):
        started = time.perf_counter()
        await question()
        took.append((time.perf_counter() - started) * 1000)
    return Asked(name, statistics.median(took), max(took), seen)


@contextmanager
def statements_seen() -> Iterator[list[tuple[str, Any]]]:
    seen: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if not statement.startswith("BEGIN"):
            seen.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


async def explain(store: Store, asked: Asked) -> None:
    for statement, parameters in asked.statements:
        async with store.read(person=HEAVY) as connection:
            query = f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) {statement}"
            plan = await connection.exec_driver_sql(query, parameters)
            print("   ", "\n    ".join(plan.scalars()))


async def write_rows(store: Store) -> float:
    """Rows a second, in the batches of the server's queue, with the day's sums."""
    calls = [
        CallRecord(
            user_id=str(uuid.UUID(int=1 + n % 20)),
            api_key_id=None,
            request_id=str(uuid.uuid4()),
            stage="code",
            model="deepseek-v3",
            input_tokens=1000,
            output_tokens=100,
            cost_usd=Decimal("0.0003"),
            latency_ms=900,
            ttft_ms=90,
            status="success",
            created_at=NOW,
        )
        for n in range(WRITTEN)
    ]
    started = time.perf_counter()
    for first in range(0, WRITTEN, POSTGRES_BATCH):
        batch = calls[first : first + POSTGRES_BATCH]
        ids = ordered_ids(len(batch))
        await write_batch(store, [to_row(row_id, call) for row_id, call in zip(ids, batch, strict=True)])
    return WRITTEN / (time.perf_counter() - started)


async def measure(url: str, *, explains: bool) -> bool:
    """Whether every must was kept."""
    store = await open_store(url)
    newest = (await FlowReads(store).list(HEAVY, limit=1)).flows[0]
    deep = await read_page(store, HEAVY, Wanted(until=NOW - timedelta(days=30)), limit=1)
    kept = True
    print(f"\n{'what':<30}{'median ms':>10}{'worst ms':>10}   must: each median at most {MUST_MS:g} ms")
    for name, question in questions(store, newest.id, deep.next_cursor).items():
        asked = await ask(name, question)
        kept &= asked.median_ms <= MUST_MS
        print(f"{name:<30}{asked.median_ms:>10.2f}{asked.worst_ms:>10.2f}")
        if explains:
            await explain(store, asked)
    rows = await write_rows(store)
    print(f"\nrequest log: {rows:,.0f} rows/s written; must: {MUST_ROWS_PER_S:,} rows/s")
    await store.close()
    return kept and rows >= MUST_ROWS_PER_S


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.store", description=__doc__)
    parser.add_argument("--logs", type=int, default=1_000_000)
    parser.add_argument("--flows", type=int, default=100_000)
    parser.add_argument("--explain", action="store_true")
    parser.add_argument("--only-beside", action="store_true", help="only what the log costs others")
    parser.add_argument("--turns", type=int, default=6)
    parser.add_argument("--turn-s", type=float, default=12)
    options = parser.parse_args()
    with running_postgres(f"bench{os.getpid()}", settings=DURABLE) as server:
        url = server.create_database()
        migrate(url)
        started = time.perf_counter()
        fill(url, logs=options.logs, flows=options.flows)
        took = time.perf_counter() - started
        size = f"{options.logs:,} log rows, {options.flows:,} flows"
        print(f"Postgres {server.version()}: {size}, made in {took:.0f} s")
        kept = True
        if not options.only_beside:
            kept = asyncio.run(measure(as_app(url), explains=options.explain))
        kept &= measure_beside(url, turns=options.turns, turn_s=options.turn_s)
        server.drop_database(url)
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
