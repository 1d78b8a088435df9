"""Transactions, cancellation, and what the store says when the database fails."""

from __future__ import annotations

import asyncio
import os
import socket
import sqlite3
import sys
import uuid
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

from cfx_flow.errors import StoreUnavailable
from cfx_flow.store.address import sqlite_file
from cfx_flow.store.engine import Store, open_store
from cfx_flow.store.tables import accounts
from tests.support.stores import opened
from tests.support.wire import wired_postgres

NORMAL, FULL = 1, 2
"""as SQLite numbers them"""


def account(name: str = "ada") -> dict[str, Any]:
    return {"user_id": str(uuid.uuid4()), "name": name, "role": "user", "created_at": datetime.now(UTC)}


async def count(store: Store) -> int:
    async with store.read() as connection:
        return (await connection.execute(select(func.count()).select_from(accounts))).scalar_one()


async def test_transaction_commits_at_its_end(store: Store) -> None:
    async with store.transaction() as connection:
        await connection.execute(accounts.insert(), account())
    assert await count(store) == 1


async def test_lazy_transaction_is_whole_too_and_on_sqlite_waits_for_no_disk(store: Store) -> None:
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the block is what is tested
        async with store.transaction(is_lazy=True) as connection:
            await connection.execute(accounts.insert(), account())
            raise ZeroDivisionError
    assert await count(store) == 0
    if store.dialect == "sqlite":
        assert [await synced(store, is_lazy=is_lazy) for is_lazy in (True, False)] == [NORMAL, FULL]


async def synced(store: Store, *, is_lazy: bool) -> int:
    async with store.transaction(is_lazy=is_lazy) as connection:
        return (await connection.execute(text("PRAGMA synchronous"))).scalar_one()


async def test_transaction_rolls_back_on_any_exception(store: Store) -> None:
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the block is what is tested
        async with store.transaction() as connection:
            await connection.execute(accounts.insert(), account())
            raise ZeroDivisionError
    assert await count(store) == 0


async def test_read_keeps_nothing_that_was_written_through_it(store: Store) -> None:
    async with store.read() as connection:
        await connection.execute(accounts.insert(), account())
    assert await count(store) == 0


async def test_mistakes_of_ours_are_not_blamed_on_the_database(store: Store) -> None:
    with pytest.raises(IntegrityError):
        async with store.transaction() as connection:
            await connection.execute(accounts.insert(), [account(), account()])
    with pytest.raises((OperationalError, ProgrammingError)):
        async with store.read() as connection:
            await connection.execute(text("SELEC 1"))


async def test_a_reader_sees_one_moment(sqlite_store: Store) -> None:
    async with sqlite_store.read() as connection:
        before = (await connection.execute(select(func.count()).select_from(accounts))).scalar_one()
        async with sqlite_store.transaction() as writing:
            await writing.execute(accounts.insert(), account())
        after = (await connection.execute(select(func.count()).select_from(accounts))).scalar_one()
    assert before == after == 0


async def test_times_come_back_aware_and_equal(store: Store) -> None:
    row = account()
    async with store.transaction() as connection:
        await connection.execute(accounts.insert(), row)
        assert (await connection.execute(select(accounts.c.created_at))).scalar_one() == row["created_at"]


async def test_sqlite_is_durable_private_and_strict(sqlite_url: str) -> None:
    async with opened(sqlite_url) as store, store.read() as connection:
        pragmas = {
            name: (await connection.execute(text(f"PRAGMA {name}"))).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


async def test_cancelled_tasks_leave_neither_lock_nor_connection(database_url: str) -> None:
    """The outcomes are kept, and with them the tracebacks that once kept a cursor and its lock alive."""
    store = await open_store(database_url, busy_timeout_s=1)

    async def write() -> None:
        async with store.transaction() as connection:
            await connection.execute(accounts.insert(), account(str(uuid.uuid4())))

    outcomes = []
    for step in range(30):
        tasks = [asyncio.create_task(write()) for _ in range(2)]
        await asyncio.sleep(step * 0.0004)
        for task in tasks:
            task.cancel()
        outcomes += await asyncio.gather(*tasks, return_exceptions=True)
        await write()
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    await store.close()


async def test_lock_held_by_another_process_is_reported_as_busy(sqlite_url: str) -> None:
    store = await open_store(sqlite_url, busy_timeout_s=0.05)
    other = sqlite3.connect(str(sqlite_file(sqlite_url)), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="busy") as caught:
        async with store.transaction():
            pass
    assert caught.value.headers["retry-after"]
    other.execute("ROLLBACK")
    other.close()
    async with store.transaction() as connection:
        await connection.execute(accounts.insert(), account())
    await store.close()


async def test_long_transaction_of_our_own_makes_the_next_one_busy_not_stuck(sqlite_url: str) -> None:
    store = await open_store(sqlite_url, busy_timeout_s=0.05)
    async with store.transaction():
        with pytest.raises(StoreUnavailable, match="busy"):
            async with store.transaction():
                pass
    async with store.transaction():
        pass
    await store.close()


async def test_full_disk_is_reported_as_such_and_passes(sqlite_store: Store) -> None:
    """``max_page_count`` makes SQLite answer as it does on a full disk."""
    async with sqlite_store.read() as connection:
        pages = (await connection.execute(text("PRAGMA page_count"))).scalar()
    with pytest.raises(StoreUnavailable, match="disk is full"):  # noqa: PT012 - the block is what is tested
        async with sqlite_store.transaction() as connection:
            await connection.execute(text(f"PRAGMA max_page_count={pages}"))
            await connection.execute(accounts.insert(), [account(f"user {n}" * 20) for n in range(500)])
    async with sqlite_store.transaction() as connection:
        await connection.execute(text("PRAGMA max_page_count=1000000"))
        await connection.execute(accounts.insert(), account())
    assert await count(sqlite_store) == 1


async def test_store_recovers_from_connections_that_the_server_closed(postgres_url: str) -> None:
    async with opened(postgres_url) as store:
        assert await count(store) == 0
        with psycopg.connect(postgres_url, autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        assert await count(store) == 0


async def test_connection_lost_inside_a_transaction_leaves_nothing_behind(
    postgres_url: str,
) -> None:
    async with opened(postgres_url) as store:
        with pytest.raises(StoreUnavailable):  # noqa: PT012 - the block is what is tested
            async with store.transaction() as connection:
                await connection.execute(accounts.insert(), account())
                pid = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar()
                with psycopg.connect(postgres_url, autocommit=True) as admin:
                    admin.execute("SELECT pg_terminate_backend(%s)", [pid])
                await connection.execute(accounts.insert(), account("bob"))
        assert await count(store) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="the names of the options are Linux'")
async def test_a_postgres_that_is_gone_without_a_word_is_given_up_within_a_minute(postgres_url: str) -> None:
    """No test can unplug a machine: it is the kernel that finds out, and here is when."""
    async with (
        wired_postgres(postgres_url) as (_, through),
        opened(through) as store,
        store.read() as connection,
    ):
        theirs = (await connection.get_raw_connection()).driver_connection
        assert isinstance(theirs, psycopg.AsyncConnection)
        with socket.socket(fileno=os.dup(theirs.fileno())) as line:
            probed = line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            names = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT)
            idle_s, every_s, probes, unanswered_ms = (
                line.getsockopt(socket.IPPROTO_TCP, name) for name in names
            )
    assert probed
    assert idle_s + probes * every_s <= 60
    assert 0 < unanswered_ms <= 60_000


async def test_postgres_that_is_not_there_yet_is_asked_only_when_needed() -> None:
    async with opened("postgresql://cfx:sesame@127.0.0.1:1/cfx") as store:
        with pytest.raises(StoreUnavailable, match="does not answer") as caught:
            async with store.read():
                pass
    assert "sesame" not in caught.value.message
    assert "127.0.0.1" not in caught.value.message
