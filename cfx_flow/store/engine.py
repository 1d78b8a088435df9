"""The database, as the rooms see it: ``read()`` and ``transaction()``, alike on SQLite and on Postgres."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Engine, NullPool, Table, create_engine
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from cfx_flow.store.address import read_address, sqlite_file
from cfx_flow.store.jobs import Job, Steps
from cfx_flow.store.postgres_jobs import PostgresJobs
from cfx_flow.store.roles import as_person, begin_with_role
from cfx_flow.store.sqlite import BEGIN, BUSY_TIMEOUT_S, prepare_file, set_up_engine
from cfx_flow.store.sqlite_connection import connect_sqlite
from cfx_flow.store.sqlite_jobs import FULL, NORMAL, SqliteJobs
from cfx_flow.store.trouble import store_errors
from cfx_flow.store.types import json_text
from cfx_flow.store.write_turn import WriteTurn

T = TypeVar("T")

POOL_TIMEOUT_S = 5.0
SQLITE_POOL = {"pool_size": 4, "max_overflow": 4}
# A connection that died while idle is noticed before a request gets it.
POSTGRES_POOL = {"pool_size": 10, "max_overflow": 10, "pool_pre_ping": True, "pool_recycle": 1800}
POSTGRES_CONNECT = {
    "prepare_threshold": None,  # prepared statements do not survive a transaction pooler
    "connect_timeout": 5,
    "application_name": "cfx-flow",
    # A machine that is gone says no goodbye: without these a request would wait for it up to two hours.
    "keepalives_idle": 30,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}


class Store:
    """Made by ``open_store``. Failures of the database surface as StoreUnavailable."""

    def __init__(
        self,
        engine: AsyncEngine,
        busy_timeout_s: float,
        file: Path | None = None,
        *,
        synchronous: str = FULL,
        lazy: AsyncEngine | None = None,
    ) -> None:
        self.dialect = engine.dialect.name
        self.file = file
        """None on Postgres"""
        self.busy_timeout_s = busy_timeout_s
        self._engine = engine
        self._writing = engine if file is None else _at_once(engine)
        self._lazy = self._writing if lazy is None else _at_once(lazy)
        self._turn: AbstractAsyncContextManager[None] = nullcontext()
        self._jobs: SqliteJobs | None = None
        self._postgres = PostgresJobs(engine.dialect)
        if file is not None:
            self._turn = turn = WriteTurn(busy_timeout_s)
            self._jobs = SqliteJobs(
                file, engine.dialect, turn, busy_timeout_s=busy_timeout_s, synchronous=synchronous
            )

    @asynccontextmanager
    async def read(self, *, person: str | None = None) -> AsyncIterator[AsyncConnection]:
        """One consistent view on SQLite, READ COMMITTED on Postgres; nothing written through it is kept.

        ``person``: a user's id. Postgres then shows what is theirs and nothing else, whatever is asked.
        """
        with store_errors():
            async with self._engine.connect() as connection:
                if person is not None and self.file is None:
                    await connection.execution_options(**{BEGIN: as_person(person)})
                yield connection

    @asynccontextmanager
    async def transaction(self, *, is_lazy: bool = False) -> AsyncIterator[AsyncConnection]:
        """Commits on exit, rolls back on any exception. Never open two inside each other: SQLite has
        one writer at a time.

        ``is_lazy``: whole or not at all, but on SQLite a power cut may undo it. Its commit waits for no disk,
        and so nobody waits for the lock that it would hold meanwhile.
        """
        async with self._turn:
            with store_errors():
                async with (self._lazy if is_lazy else self._writing).begin() as connection:
                    yield connection

    async def run(self, job: Job[T], *, is_lazy: bool = False) -> T:
        """A job as one transaction, or on SQLite as its part of one. Raises what the job raises.

        ``is_lazy``: as of ``transaction``; but a moment later it is on the disk, with the next job that waits
        for that, or by itself.
        """
        if self._jobs is not None:
            return await self._jobs.run(job, is_lazy=is_lazy)
        async with self.transaction() as connection:
            return await self.work_through(connection, job())

    async def look(self, job: Job[T], *, person: str | None = None) -> T:
        """A job that only reads; for ``person``, see ``read``."""
        if self._jobs is not None:
            return self._jobs.look(job)
        async with self.read(person=person) as connection:
            await connection.begin()  # as whom it reads: only SQLAlchemy's own statements begin by themselves
            return await self.work_through(connection, job())

    async def work_through(self, connection: AsyncConnection, steps: Steps[T]) -> T:
        """A job's steps, in a transaction that is open on Postgres."""
        return await self._postgres.work_through(connection, steps)

    def insert(self, table: Table) -> postgresql.Insert | sqlite.Insert:
        """An INSERT that knows ON CONFLICT, in this database's dialect."""
        return sqlite.insert(table) if self.dialect == "sqlite" else postgresql.insert(table)

    async def close(self) -> None:
        if self._jobs is not None:
            self._jobs.close()
        await self._lazy.dispose()
        await self._engine.dispose()


def _at_once(engine: AsyncEngine) -> AsyncEngine:
    return engine.execution_options(**{BEGIN: "BEGIN IMMEDIATE"})


async def open_store(
    url: str,
    *,
    busy_timeout_s: float = BUSY_TIMEOUT_S,
    synchronous: str = FULL,
    session: Mapping[str, str] | None = None,
    pool_timeout_s: float = POOL_TIMEOUT_S,
) -> Store:
    """A SQLite file is created, checked and written to once (ConfigError). Postgres is first asked when it
    is first needed: it may start after us. ``synchronous``: what jobs on SQLite wait for. ``session``:
    settings of Postgres' sessions; a pooler takes none. ``pool_timeout_s``: how long one
    waits for a free connection; then it is StoreUnavailable.
    """
    path = sqlite_file(url)
    if path is None:
        engine = create_async_engine(
            read_address(url),
            connect_args=POSTGRES_CONNECT | {"autocommit": True} | session_options(session or {}),
            pool_timeout=pool_timeout_s,
            json_serializer=json_text,
            **POSTGRES_POOL,
        )
        begin_with_role(engine.sync_engine)
        return Store(engine, busy_timeout_s)
    await asyncio.to_thread(prepare_file, path)

    def engine_of(synchronous: str) -> AsyncEngine:
        engine = create_async_engine(
            read_address(url).set(drivername="sqlite+aiosqlite"),
            async_creator=partial(connect_sqlite, path, busy_timeout_s),
            pool_timeout=pool_timeout_s,
            json_serializer=json_text,
            **SQLITE_POOL,
        )
        set_up_engine(engine.sync_engine, synchronous)
        return engine

    return Store(engine_of(FULL), busy_timeout_s, path, synchronous=synchronous, lazy=engine_of(NORMAL))


def session_options(settings: Mapping[str, str]) -> dict[str, str]:
    """As libpq takes them."""
    return {"options": " ".join(f"-c {name}={value}" for name, value in settings.items())} if settings else {}


def open_engine(url: str) -> Engine:
    """A synchronous engine without a pool, for migrations."""
    path = sqlite_file(url)
    if path is None:
        return create_engine(read_address(url), connect_args=POSTGRES_CONNECT, poolclass=NullPool)
    prepare_file(path)
    engine = create_engine(
        read_address(url),
        connect_args={"timeout": BUSY_TIMEOUT_S, "isolation_level": None},
        poolclass=NullPool,
    )
    set_up_engine(engine)
    return engine.execution_options(**{BEGIN: "BEGIN IMMEDIATE"})
