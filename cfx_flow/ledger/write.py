"""A batch of rows into the database, with the day's sums, in one transaction."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from cfx_flow.ledger.record import LogRow
from cfx_flow.store.engine import Store
from cfx_flow.store.quick_sqlite import QuickSqlite
from cfx_flow.store.sqlite import checkpoint
from cfx_flow.store.tables import request_logs

POSTGRES_BATCH = 100
"""of 250, requests beside 2,000 rows/s had to wait for Postgres' core: see benchmarks/store"""
SQLITE_BATCH = 16
"""some 0.3 ms of the loop"""
ROWS_PER_CHECKPOINT = 1000

COLUMNS = ", ".join(LogRow._fields)
INSERT_SQLITE = f"INSERT INTO request_logs ({COLUMNS}) VALUES ({', '.join('?' * len(LogRow._fields))})"  # noqa: S608 - names of our own
INSERT_POSTGRES = (
    f"INSERT INTO request_logs ({COLUMNS}) "  # noqa: S608 - names of our own
    f"SELECT {COLUMNS} FROM json_populate_recordset(NULL::request_logs, %s::json)"
)
"""One parameter for the whole batch: a row costs the client 4 µs instead of 40."""


class RowWriter:
    """On SQLite inside the loop, a few rows at a time: half the cost of the hop to a thread and back, and
    never a lock held for which a request's counter would have to wait."""

    def __init__(self, store: Store) -> None:
        self.max_batch = POSTGRES_BATCH if store.file is None else SQLITE_BATCH
        self._store = store
        self._quick = None if store.file is None else QuickSqlite(store.file, store.busy_timeout_s)
        self._rows_in_log = 0

    async def write(self, rows: Sequence[LogRow], *, perhaps_written: bool = False) -> None:
        """All or nothing. ``perhaps_written``: an earlier try ended unclear, so look before writing twice.

        Raises StoreUnavailable, and SQLAlchemyError or sqlite3.Error for a row that the database refuses.
        """
        if self._quick is None:
            await write_batch(self._store, rows, perhaps_written=perhaps_written)
            return
        done = self._quick.write(partial(_write_sqlite, rows, perhaps_written))
        await (asyncio.sleep(0) if done is None else done)  # others have their turn, either way
        await self._tidy(len(rows))

    async def _tidy(self, rows: int) -> None:
        self._rows_in_log += rows
        if self._rows_in_log >= ROWS_PER_CHECKPOINT and self._store.file is not None:
            self._rows_in_log = 0
            await asyncio.to_thread(checkpoint, self._store.file)

    def close(self) -> None:
        if self._quick is not None:
            self._quick.close()


async def write_batch(store: Store, rows: Sequence[LogRow], *, perhaps_written: bool = False) -> None:
    """The same, with a connection of the store's."""
    async with store.transaction() as connection:
        if perhaps_written and await _is_written(connection, rows[0].id):
            return
        await _insert(connection, store.dialect, rows)
        await _add_to_sums(connection, store.dialect, sums_of(rows))


def _write_sqlite(rows: Sequence[LogRow], perhaps_written: bool, connection: sqlite3.Connection) -> None:
    if perhaps_written:
        look = connection.execute("SELECT 1 FROM request_logs WHERE id = ?", (rows[0].id,))
        if look.fetchone() is not None:
            return
    connection.executemany(INSERT_SQLITE, [_sqlite_values(row) for row in rows])
    connection.executemany(ADD_SQLITE, [_sqlite_sums(sums) for sums in sums_of(rows)])


def _sqlite_sums(sums: dict[str, Any]) -> dict[str, Any]:
    return {**sums, "user_id": sums["user_id"].replace("-", ""), "day": sums["day"].isoformat()}


async def _is_written(connection: AsyncConnection, row_id: str) -> bool:
    query = select(request_logs.c.id).where(request_logs.c.id == row_id)
    return (await connection.execute(query)).first() is not None


async def _insert(connection: AsyncConnection, dialect: str, rows: Sequence[LogRow]) -> None:
    """The driver's own forms of the values, made here: SQLAlchemy's conversions cost more than the rest."""
    if dialect == "sqlite":
        await connection.exec_driver_sql(INSERT_SQLITE, [_sqlite_values(row) for row in rows])
        return
    batch = msgspec.json.encode([row._asdict() for row in rows]).decode()
    await connection.exec_driver_sql(INSERT_POSTGRES, (batch,))


def _sqlite_values(row: LogRow) -> tuple[Any, ...]:
    """As the columns' types would bind them: uuids without hyphens, money as a float, times as text."""
    id_, user_id, api_key_id, request_id, session_id, flow_id, *plain = row
    return (
        id_,
        user_id.replace("-", ""),
        api_key_id and api_key_id.replace("-", ""),
        request_id.replace("-", ""),
        session_id,
        flow_id and flow_id.replace("-", ""),
        *plain[:6],
        float(row.cost_usd),
        *plain[7:11],
        row.created_at.isoformat(" ", "microseconds")[:26],
    )


def sums_of(rows: Iterable[LogRow]) -> list[dict[str, Any]]:
    """Per user, day, stage and model; in the order of these, so that two processes cannot deadlock."""
    sums: dict[tuple[str, date, str, str], list[int]] = defaultdict(lambda: [0] * len(_SUMMED))
    for row in rows:
        day = row.created_at.date()
        total = sums[row.user_id, day, row.stage or "", row.model or ""]
        total[0] += 1
        total[1] += row.status == "error"
        total[2] += row.status == "rate_limited"
        total[3] += row.status == "cancelled"
        total[4] += row.input_tokens
        total[5] += row.output_tokens
        total[6] += int(row.cost_usd.scaleb(6))
    names = (*_KEYS, *_SUMMED)
    return [dict(zip(names, (*key, *sums[key]), strict=True)) for key in sorted(sums)]


_KEYS = ("user_id", "day", "stage", "model")
_SUMMED = (
    "requests",
    "errors",
    "rate_limited",
    "cancelled",
    "input_tokens",
    "output_tokens",
    "cost_micro_usd",
)


_NAMES = ", ".join(_KEYS + _SUMMED)
_ADDED = ", ".join(f"{name} = daily_usage.{name} + excluded.{name}" for name in _SUMMED)
_OR_ADD = f"ON CONFLICT ({', '.join(_KEYS)}) DO UPDATE SET {_ADDED}"
ADD_SQLITE = (
    f"INSERT INTO daily_usage ({_NAMES}) "  # noqa: S608 - names of our own
    f"VALUES ({', '.join(':' + name for name in _KEYS + _SUMMED)}) {_OR_ADD}"
)
ADD_POSTGRES = (
    f"INSERT INTO daily_usage ({_NAMES}) "  # noqa: S608 - names of our own
    f"SELECT {_NAMES} FROM json_populate_recordset(NULL::daily_usage, %s::json) {_OR_ADD}"
)
"""One statement, in the order of the sums: twenty of them held the loop for 2 ms."""


async def _add_to_sums(connection: AsyncConnection, dialect: str, sums: Sequence[dict[str, Any]]) -> None:
    if dialect == "sqlite":
        await connection.exec_driver_sql(ADD_SQLITE, [_sqlite_sums(each) for each in sums])
        return
    await connection.exec_driver_sql(ADD_POSTGRES, (msgspec.json.encode(sums).decode(),))
