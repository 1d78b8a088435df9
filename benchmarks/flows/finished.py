"""A user with ten thousand finished flows: what it takes to list, filter and open them, over the API."""

from __future__ import annotations

import sqlite3
import statistics
import time
import uuid
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import httpx

from api.app import create_app
from benchmarks.flows.answers import Answering
from benchmarks.flows.engine import open_flows

FLOWS = 10_000
TIMES = 30
PATHS = {
    "list": "/v1/flows?limit=100",
    "filter, none found": "/v1/flows?status=failed&limit=100",
    "filter, all found": "/v1/flows?status=approved&limit=100",
    "open": "/v1/flows/{id}",
    "its events": "/v1/flows/{id}/events",
    "its last step": "/v1/flows/{id}/steps/10",
    "its report": "/v1/flows/{id}/report",
}


async def measure() -> None:
    async with open_flows(Answering()) as engine:
        await engine.run()
        ids = _copied(engine.folder / "cfx.db", FLOWS)
        headers = {"authorization": f"Bearer {engine.key}"}
        transport = httpx.ASGITransport(create_app(engine.services))
        async with httpx.AsyncClient(transport=transport, base_url="http://house", headers=headers) as client:
            for what, path in PATHS.items():
                took = await _took_ms(client, path.format(id=ids[FLOWS // 2]))
                print(f"{what:<24}{statistics.median(took):>8.1f} ms   slowest {max(took):.1f} ms")
        print(f"  must     < 50 ms with {FLOWS} flows; checkpoints left: {_checkpoints(engine.folder)}")


async def _took_ms(client: httpx.AsyncClient, path: str) -> Sequence[float]:
    took = []
    for _ in range(TIMES):
        began = time.perf_counter()
        answer = await client.get(path)
        took.append((time.perf_counter() - began) * 1000)
        answer.raise_for_status()
    return took[1:]  # the first one imports what answers it


def _copied(file: Path, times: int) -> Sequence[str]:
    """The one flow in the file with its steps, events and calls, once more under each of the new ids."""
    ids = [str(uuid.uuid4()) for _ in range(times)]
    with closing(sqlite3.connect(file)) as connection:
        began = datetime.fromisoformat(connection.execute("SELECT created_at FROM flows").fetchone()[0])
        _copy(connection, "flows", "id", ids)
        for n, id_ in enumerate(ids):
            at = (began + timedelta(seconds=n)).isoformat(" ", "microseconds")
            connection.execute("UPDATE flows SET created_at = ? WHERE id = ?", (at, id_.replace("-", "")))
        for table in ("flow_steps", "flow_events", "effects"):
            _copy(connection, table, "flow_id", ids)
        connection.commit()
    return ids


def _copy(connection: sqlite3.Connection, table: str, key: str, ids: Sequence[str]) -> None:
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    rest = ", ".join(f'"{name}"' for name in columns if name != key)
    original = connection.execute(f"SELECT {key} FROM {table} LIMIT 1").fetchone()[0]  # noqa: S608 - names of ours
    statement = f"INSERT INTO {table} ({key}, {rest}) SELECT ?, {rest} FROM {table} WHERE {key} = ?"  # noqa: S608
    connection.executemany(statement, [(id_.replace("-", ""), original) for id_ in ids])


def _checkpoints(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "cfx.db")) as connection:
        return int(connection.execute("SELECT count(*) FROM flow_checkpoints").fetchone()[0])
