"""Which limits a server has: on its database, with the connection of their own that they need."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cfx_flow.clock import Clock
from cfx_flow.limits.daily import DailyLimiter
from cfx_flow.limits.leases import RENEW_EVERY_S, LeasedSlots
from cfx_flow.store.address import sqlite_file


@dataclass(frozen=True, slots=True)
class Limits:
    daily: DailyLimiter
    slots: LeasedSlots


@asynccontextmanager
async def open_limits(
    store_url: str, clock: Clock, *, redis_url: str | None = None, renew_every_s: float = RENEW_EVERY_S
) -> AsyncIterator[Limits]:
    """On Redis if there is one, else in the database. Nothing is connected before the first ask: a store
    may start after us. Closing gives the slots back. Raises ConfigError for an address that is none."""
    file = sqlite_file(store_url)
    if redis_url is not None:
        opened = _on_redis(redis_url, clock, renew_every_s)
    elif file is not None:
        opened = _on_sqlite(file, clock, renew_every_s)
    else:
        opened = _on_postgres(store_url, clock, renew_every_s)
    async with opened as limits:
        try:
            yield limits
        finally:
            await limits.slots.close()


@asynccontextmanager
async def _on_sqlite(file: Path, clock: Clock, renew_every_s: float) -> AsyncIterator[Limits]:
    from cfx_flow.limits.sqlite_counter import SqliteCounter
    from cfx_flow.limits.sqlite_slots import SqliteSlots
    from cfx_flow.store.quick_sqlite import QuickSqlite

    database = QuickSqlite(file)
    try:
        slots = LeasedSlots(SqliteSlots(database), clock, renew_every_s=renew_every_s)
        yield Limits(DailyLimiter(SqliteCounter(database), clock), slots)
    finally:
        database.close()


@asynccontextmanager
async def _on_postgres(url: str, clock: Clock, renew_every_s: float) -> AsyncIterator[Limits]:
    from cfx_flow.limits.postgres_counter import PostgresCounter
    from cfx_flow.limits.postgres_slots import PostgresSlots
    from cfx_flow.store.quick_postgres import QuickPostgres

    database = QuickPostgres(url)
    try:
        slots = LeasedSlots(PostgresSlots(database), clock, renew_every_s=renew_every_s)
        yield Limits(DailyLimiter(PostgresCounter(database), clock), slots)
    finally:
        await database.close()


@asynccontextmanager
async def _on_redis(url: str, clock: Clock, renew_every_s: float) -> AsyncIterator[Limits]:
    from cfx_flow.limits.redis_counter import RedisCounter
    from cfx_flow.limits.redis_slots import RedisSlots
    from cfx_flow.store.quick_redis import QuickRedis

    for_counter, for_slots = QuickRedis(url), QuickRedis(url)
    try:
        slots = LeasedSlots(RedisSlots(for_slots), clock, renew_every_s=renew_every_s)
        yield Limits(DailyLimiter(RedisCounter(for_counter), clock), slots)
    finally:
        await for_counter.close()
        await for_slots.close()
