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
import sys
import time
import uuid
from datetime import timedelta

from benchmarks.store.beside import measure_beside
from benchmarks.store.calls import call_of
from benchmarks.store.questions import NOW, ask_all, of_flows, of_the_log
from benchmarks.store.rows import HEAVY, fill
from cfx_flow.flows.reads import FlowReads
from cfx_flow.ledger.pages import Wanted, read_page
from cfx_flow.ledger.record import ordered_ids, to_row
from cfx_flow.ledger.write import POSTGRES_BATCH, write_batch
from cfx_flow.store.engine import Store, open_store
from cfx_flow.store.migrate import migrate
from tests.support.postgres import as_app, running_postgres

MUST_ROWS_PER_S = 2000
WRITTEN = 10_000
DURABLE = "max_connections=50\n"


async def write_rows(store: Store) -> float:
    """Rows a second, in the batches of the server's queue, with the day's sums."""
    calls = [call_of(str(uuid.UUID(int=1 + n % 20)), NOW) for n in range(WRITTEN)]
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
    asked = of_the_log(store, deep.next_cursor) | of_flows(store, newest.id)
    print()
    kept = await ask_all(asked, store, explains=explains)
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
    parser.add_argument("--turns", type=int, default=24)
    parser.add_argument("--turn-s", type=float, default=2.5)
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
