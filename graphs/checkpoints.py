"""Where LangGraph keeps its checkpoints: beside the flows, in the same database.

The serializer rebuilds nothing but plain values and the few types on LangGraph's own list: by
default it would call any function that tampered bytes name.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiosqlite
import psycopg
import psycopg_pool
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from psycopg.rows import dict_row

from cfx_flow.errors import StoreUnavailable
from cfx_flow.store.address import read_address, sqlite_file

BUSY_TIMEOUT_S = 5
POOL_SIZE = 10
_SETUP_LOCK = 0x6366_785F_6368_6563  # any number that is ours

MakeSaver = Callable[[], BaseCheckpointSaver[str]]
"""One saver per flow: LangGraph's Postgres saver holds one lock for all who use it"""


def serializer() -> JsonPlusSerializer:
    return JsonPlusSerializer(allowed_msgpack_modules=None, allowed_json_modules=None)


@asynccontextmanager
async def open_checkpoints(store_url: str) -> AsyncIterator[MakeSaver]:
    """Raises StoreUnavailable."""
    path = sqlite_file(store_url)
    opened = _on_postgres(store_url) if path is None else _on_sqlite(path)
    async with opened as make_saver:
        yield make_saver


@asynccontextmanager
async def _on_sqlite(path: Path) -> AsyncIterator[MakeSaver]:
    async with aiosqlite.connect(path, timeout=BUSY_TIMEOUT_S) as connection:
        saver = AsyncSqliteSaver(connection, serde=serializer())
        with database_errors():
            await connection.execute("PRAGMA synchronous=FULL")
            await saver.setup()
        yield lambda: saver


@asynccontextmanager
async def _on_postgres(store_url: str) -> AsyncIterator[MakeSaver]:
    address = read_address(store_url).set(drivername="postgresql").render_as_string(hide_password=False)
    pool: psycopg_pool.AsyncConnectionPool[psycopg.AsyncConnection[psycopg.rows.DictRow]]
    pool = psycopg_pool.AsyncConnectionPool(
        address,
        min_size=1,
        max_size=POOL_SIZE,
        open=False,
        kwargs={
            "autocommit": True,
            "prepare_threshold": None,
            "row_factory": dict_row,
            # A worker that is frozen in the middle of a transaction must not hold its rows for ever.
            "options": "-c idle_in_transaction_session_timeout=20s",
        },
    )
    with database_errors():
        await pool.open(wait=True, timeout=BUSY_TIMEOUT_S)
    try:
        with database_errors():
            async with _alone(pool):
                await AsyncPostgresSaver(pool, serde=serializer()).setup()
        yield lambda: AsyncPostgresSaver(pool, serde=serializer())
    finally:
        await pool.close()


@asynccontextmanager
async def _alone(pool: psycopg_pool.AsyncConnectionPool[Any]) -> AsyncIterator[None]:
    """Workers that start together set their tables up in turn. They ask again rather than wait in Postgres:
    an index that is built CONCURRENTLY waits for everyone who does."""
    async with pool.connection() as connection:
        while True:
            cursor = await connection.execute("SELECT pg_try_advisory_lock(%s) AS mine", (_SETUP_LOCK,))
            row = await cursor.fetchone()
            if row is not None and row["mine"]:
                break
            await asyncio.sleep(0.05)
        try:
            yield
        finally:
            await connection.execute("SELECT pg_advisory_unlock(%s)", (_SETUP_LOCK,))


@contextmanager
def database_errors() -> Iterator[None]:
    """The savers let their drivers' errors through; ours say that the flow may wait."""
    try:
        yield
    except (sqlite3.OperationalError, psycopg.OperationalError, psycopg_pool.PoolTimeout) as error:
        raise StoreUnavailable("The database does not take checkpoints just now.") from error
