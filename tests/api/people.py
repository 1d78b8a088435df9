"""Several people at one house, on either store."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import update

from api.app import create_app
from api.wiring import Services, open_services
from cfx_flow.accounts import NewKey
from cfx_flow.ledger import CallRecord
from cfx_flow.ledger.record import ordered_ids, to_row
from cfx_flow.ledger.write import write_batch
from cfx_flow.settings import Settings
from cfx_flow.store.tables import accounts
from tests.api.conftest import NOBODY, client_of

NOW = datetime.now(UTC)


class People:
    def __init__(self, services: Services, closing: AsyncExitStack) -> None:
        self.services = services
        self._app = create_app(services)
        self._closing = closing

    async def key(self, name: str, **values: Any) -> NewKey:
        return await self.services.accounts.create_key(name, **values)

    async def client(self, key: str | NewKey) -> httpx.AsyncClient:
        text = key if isinstance(key, str) else key.key
        return await self._closing.enter_async_context(client_of(self._app, text))

    async def make_admin(self, name: str) -> None:
        change = update(accounts).where(accounts.c.name == name).values(role="admin")
        async with self.services.store.transaction() as connection:
            await connection.execute(change)

    async def log(self, calls: Sequence[CallRecord]) -> None:
        for first in range(0, len(calls), 1000):
            batch = calls[first : first + 1000]
            rows = [to_row(row_id, one) for row_id, one in zip(ordered_ids(len(batch)), batch, strict=True)]
            await write_batch(self.services.store, rows)


@asynccontextmanager
async def opened(database_url: str, folder: Path, **more: str) -> AsyncIterator[People]:
    environ = {
        "CFX_DATABASE_URL": database_url,
        "CFX_DATA_DIR": str(folder),
        "CFX_LITELLM_URL": NOBODY,
        "CFX_HASH_SALT": "salt of the tests, of no other use",
        **more,
    }
    async with AsyncExitStack() as closing:
        services = await closing.enter_async_context(open_services(Settings.load(environ), environ))
        yield People(services, closing)


def call(user_id: str, **values: Any) -> CallRecord:
    defaults: dict[str, Any] = {
        "user_id": user_id,
        "api_key_id": str(uuid.uuid4()),
        "request_id": str(uuid.uuid4()),
        "stage": "code",
        "model": "deepseek-v3",
        "input_tokens": 1000,
        "output_tokens": 20,
        "cost_usd": Decimal("0.000361"),
        "latency_ms": 812,
        "ttft_ms": 90,
        "status": "success",
        "created_at": NOW,
    }
    return CallRecord(**{**defaults, **values})
