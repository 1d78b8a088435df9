"""Commands of the operator that work beside the database; no server needs to run."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from cfx_flow.accounts import Accounts
    from cfx_flow.accounts.users import Users
    from cfx_flow.settings import Settings
    from cfx_flow.store.engine import Store

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Desk:
    settings: Settings
    store: Store
    accounts: Accounts
    users: Users


def beside_store(work: Callable[[Desk], Awaitable[T]]) -> T:
    return asyncio.run(_open_and_work(work))


async def _open_and_work(work: Callable[[Desk], Awaitable[T]]) -> T:
    from cfx_flow.accounts import Accounts, load_pepper
    from cfx_flow.accounts.users import Users
    from cfx_flow.clock import SystemClock
    from cfx_flow.settings import Settings

    settings = Settings.load(os.environ)
    pepper, clock = load_pepper(settings), SystemClock()
    async with store_of(settings) as store:
        accounts = Accounts(store, pepper, clock, settings.daily_limit)
        try:
            return await work(Desk(settings, store, accounts, Users(store, clock)))
        finally:
            await accounts.close()


@asynccontextmanager
async def store_of(settings: Settings) -> AsyncIterator[Store]:
    """Migrates a SQLite store on the way; Postgres is the operator's to migrate, StoreUnavailable says so."""
    from cfx_flow.store.engine import open_store
    from cfx_flow.store.migrate import migrate, require_schema

    store = await open_store(settings.store_url)
    try:
        if store.dialect == "sqlite":
            await asyncio.to_thread(migrate, settings.store_url)
        await require_schema(store)
        yield store
    finally:
        await store.close()
