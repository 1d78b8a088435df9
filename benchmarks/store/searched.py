"""``python -m benchmarks.store.searched``: what the dashboard asks of 100,000 flows, on SQLite; a fifth of
them is one user's. Option: ``--flows``."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import uuid
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import insert, text

from benchmarks.store.questions import NOW, ask_all, of_flows
from benchmarks.store.rows import DAYS, HEAVY, OPTIONS, USERS
from cfx_flow.flows.search import folded
from cfx_flow.store.engine import Store, open_store
from cfx_flow.store.migrate import migrate
from cfx_flow.store.tables import flow_search, flow_steps, flows, snapshots

AT_ONCE = 5000


async def fill(store: Store, count: int) -> None:
    """Flows as those in ``rows.py``, newest first, without events and with one step, the patch's check."""
    users = [str(uuid.UUID(int=n)) for n in range(1, USERS + 1)]
    upload = {"id": "sha256:0", "file_count": 1, "total_bytes": 1, "archive": b"", "created_at": NOW}
    rows = _flows(count)
    async with store.transaction() as connection:
        await connection.execute(insert(snapshots), [{"user_id": user, **upload} for user in users])
        while some := list(islice(rows, AT_ONCE)):
            await connection.execute(insert(flows), some)
            await connection.execute(insert(flow_steps), [_check(row) for row in some])
            await connection.execute(insert(flow_search), [_words(row) for row in some])
        await connection.execute(text("ANALYZE"))


def _flows(count: int) -> Iterator[dict[str, Any]]:
    options = json.loads(OPTIONS)
    for n in range(1, count + 1):
        yield {
            "id": str(uuid.UUID(int=n)),
            "user_id": HEAVY if n % 5 == 0 else str(uuid.UUID(int=2 + n % (USERS - 1))),
            "request_id": str(uuid.uuid4()),
            "status": "in_progress" if n <= 20 else "rejected" if n % 7 == 0 else "approved",
            "task": f"Task {n}" + " in words" * 30,
            "snapshot_id": "sha256:0",
            "options": options,
            "epoch": 1,
            "retakes": 0,
            "version": 3,
            "last_seq": 8,
            "round": 1,
            "step": 3,
            "stages": {},
            "input_tokens": 4000,
            "output_tokens": 900,
            "cost_usd": Decimal("0.01"),
            "created_at": NOW - timedelta(days=DAYS) * n / count,
        }


def _check(flow: dict[str, Any]) -> dict[str, Any]:
    return {
        "flow_id": flow["id"],
        "n": 1,
        "round": 1,
        "node": "check",
        "status": "completed",
        "input": {"code_step": 2},
        "output": "+line\n" * 100,
        "detail": {"status": "accepted"},
        "attempts": 0,
        "input_tokens": 0,
        "output_tokens": 0,
        "cost_usd": Decimal(0),
        "started_at": flow["created_at"],
    }


def _words(flow: dict[str, Any]) -> dict[str, Any]:
    keys = {"flow_id": flow["id"], "user_id": flow["user_id"], "created_at": flow["created_at"]}
    return {**keys, "words": folded(flow["task"])}


async def measure(url: str, count: int) -> bool:
    store = await open_store(url)
    await fill(store, count)
    print(f"SQLite: {count:,} flows\n")
    newest = str(uuid.UUID(int=5))
    kept = await ask_all(of_flows(store, newest), store)
    await store.close()
    return kept


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.store.searched")
    parser.add_argument("--flows", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cfx-bench-") as folder:
        url = f"sqlite:///{Path(folder) / 'cfx.db'}"
        migrate(url)
        sys.exit(0 if asyncio.run(measure(url, options.flows)) else 1)


if __name__ == "__main__":
    main()
