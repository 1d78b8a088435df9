"""``last_used_at``: to the minute, written behind the requests' backs."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import structlog
from sqlalchemy import bindparam, update

from cfx_flow.clock import Clock
from cfx_flow.errors import StoreUnavailable
from cfx_flow.store.engine import Store
from cfx_flow.store.tables import api_keys

log = structlog.get_logger(__name__)

PRECISION = timedelta(minutes=1)


class LastUsed:
    """At most one write is under way; what is noted meanwhile forms the next batch. A failed write is
    dropped: the key's next use notes it again."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._noted: dict[str, datetime] = {}
        self._writer: asyncio.Task[None] | None = None

    def note(self, key: str, stored_at: datetime | None) -> None:
        """``key`` is the row's id, ``stored_at`` what the row says now."""
        now = self._clock.now()
        if stored_at is not None and now - stored_at < PRECISION:
            return
        self._noted[key] = now
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())

    async def _write(self) -> None:
        while self._noted:
            batch, self._noted = self._noted, {}
            # In one order everywhere: else two processes may each hold the row that the other wants.
            rows = [{"key": key, "at": at} for key, at in sorted(batch.items())]
            statement = update(api_keys).where(api_keys.c.id == bindparam("key"))
            try:
                async with self._store.transaction() as connection:
                    await connection.execute(statement.values(last_used_at=bindparam("at")), rows)
            except StoreUnavailable as error:
                log.warning("last use of keys not written", keys=len(rows), error=error.message)

    async def close(self) -> None:
        if self._writer is not None:
            await self._writer
