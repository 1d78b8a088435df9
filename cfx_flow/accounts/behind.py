"""What is written about keys behind the requests' backs: their last use, their hash under today's pepper."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Update, bindparam, update

from cfx_flow.clock import Clock
from cfx_flow.errors import StoreUnavailable
from cfx_flow.store.engine import Store
from cfx_flow.store.tables import api_keys

log = structlog.get_logger(__name__)

PRECISION = timedelta(minutes=1)
MOST_AT_ONCE = 500
_THIS = api_keys.c.id == bindparam("row")
_USED = update(api_keys).where(_THIS).values(last_used_at=bindparam("at"))
_HASHED = (
    update(api_keys).where(_THIS, api_keys.c.key_hash == bindparam("old")).values(key_hash=bindparam("new"))
)


class Behind:
    """At most one write is under way; what is noted meanwhile forms the next batch. What is too much, or
    could not be written, is dropped: the key's next use notes it again."""

    def __init__(self, store: Store, statement: Update, what: str) -> None:
        self._store, self._statement, self._what = store, statement, what
        self._noted: dict[str, dict[str, Any]] = {}
        self._writer: asyncio.Task[None] | None = None

    def note(self, row: str, **values: Any) -> None:
        if len(self._noted) >= MOST_AT_ONCE and row not in self._noted:
            return
        self._noted[row] = values
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())

    async def _write(self) -> None:
        while self._noted:
            batch, self._noted = self._noted, {}
            # In one order everywhere: else two processes may each hold the row that the other wants.
            rows = [{"row": row, **values} for row, values in sorted(batch.items())]
            try:
                async with self._store.transaction() as connection:
                    await connection.execute(self._statement, rows)
            except StoreUnavailable as error:
                log.warning(f"{self._what} not written", keys=len(rows), error=error.message)
            except Exception:  # no request hears of it, nor may the server's end
                log.exception(f"{self._what} not written", keys=len(rows))

    async def close(self) -> None:
        if self._writer is not None:
            await self._writer


class LastUsed:
    """To the minute."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._behind, self._clock = Behind(store, _USED, "last use of keys"), clock

    def note(self, row: str, stored_at: datetime | None) -> None:
        """``stored_at``: what the row says now."""
        now = self._clock.now()
        if stored_at is None or now - stored_at >= PRECISION:
            self._behind.note(row, at=now)

    async def close(self) -> None:
        await self._behind.close()


class HashedAnew:
    """Keys that were hashed under a former pepper: once all of them were used, that one may go."""

    def __init__(self, store: Store) -> None:
        self._behind = Behind(store, _HASHED, "new hashes of keys")

    def note(self, row: str, old: bytes, new: bytes) -> None:
        self._behind.note(row, old=old, new=new)

    async def close(self) -> None:
        await self._behind.close()
