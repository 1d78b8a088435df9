"""The request log's queue: best effort, behind the requests' backs, and bounded in everything."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections import deque
from itertools import islice
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from cfx_flow.errors import StoreUnavailable
from cfx_flow.ledger.record import CallRecord, to_row
from cfx_flow.store.engine import Store
from cfx_flow.store.tables import request_logs

log = structlog.get_logger(__name__)

CAPACITY = 10_000
MAX_BATCH = 500
GATHER_S = 0.1
RETRY_AFTER_S = (0.2, 1.0, 5.0)
CLOSE_TIMEOUT_S = 5.0


class RequestLog:
    """``record`` costs a request nothing and cannot hurt it. A full queue drops the newest record; a store
    that fails gets each batch four times in all; ``dropped`` counts what was lost."""

    def __init__(
        self,
        store: Store,
        *,
        capacity: int = CAPACITY,
        gather_s: float = GATHER_S,
        retry_after_s: tuple[float, ...] = RETRY_AFTER_S,
    ) -> None:
        self.dropped = 0
        self._store = store
        self._capacity = capacity
        self._gather_s = gather_s
        self._retry_after_s = retry_after_s
        self._queue: deque[tuple[str, CallRecord]] = deque()
        self._wake = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._closing = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None

    @property
    def queued(self) -> int:
        return len(self._queue)

    def record(self, call: CallRecord) -> None:
        """Never blocks, never raises. The row's id is made here: a batch that is written again after an
        unclear failure leaves one row, not two."""
        if self._closing.is_set() or len(self._queue) >= self._capacity:
            self._drop(1)
            return
        self._queue.append((str(uuid.uuid4()), call))
        self._empty.clear()
        self._wake.set()

    async def start(self) -> None:
        if self._writer is None:
            self._writer = asyncio.create_task(self._run())

    async def flush(self) -> None:
        """Returns when everything recorded so far is written or dropped."""
        await self._empty.wait()

    async def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """Writes what is queued, for at most ``timeout_s``; the rest is dropped and counted."""
        self._closing.set()
        self._wake.set()
        if self._writer is not None:
            try:
                async with asyncio.timeout(timeout_s):
                    await self._writer
            except TimeoutError:
                self._writer.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await self._writer
        self._drop(len(self._queue))
        self._queue.clear()
        self._empty.set()

    async def _run(self) -> None:
        while self._queue or not self._closing.is_set():
            await self._wake.wait()
            self._wake.clear()
            await self._pause(self._gather_s)
            while self._queue:
                await self._write_batch()
            self._empty.set()

    async def _write_batch(self) -> None:
        """The batch leaves the queue only when it is settled, so that ``close`` can count it."""
        batch = list(islice(self._queue, MAX_BATCH))
        rows = self._rows(batch)
        for pause_s in (*self._retry_after_s, None):
            try:
                await self._insert(rows)
                break
            except StoreUnavailable as error:
                if pause_s is None or self._closing.is_set():
                    self._drop(len(rows), error.message)
                    break
                await self._pause(pause_s)
            except SQLAlchemyError:
                await self._insert_one_by_one(rows)
                break
        for _ in batch:
            self._queue.popleft()

    def _rows(self, batch: list[tuple[str, CallRecord]]) -> list[dict[str, Any]]:
        """Without the records that hold rubbish: one of them must not end the writer."""
        rows = []
        for row_id, call in batch:
            try:
                rows.append(to_row(row_id, call))
            except (TypeError, ValueError, ArithmeticError, AttributeError) as error:
                self._drop(1, f"unusable record: {type(error).__name__}")
        return rows

    async def _pause(self, pause_s: float) -> None:
        """Cut short by ``close``."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self._closing.wait()

    async def _insert_one_by_one(self, rows: list[dict[str, Any]]) -> None:
        """One bad row spoils a batch: the others are saved without it."""
        for row in rows:
            try:
                await self._insert([row])
            except (StoreUnavailable, SQLAlchemyError) as error:
                self._drop(1, type(error).__name__)

    async def _insert(self, rows: list[dict[str, Any]]) -> None:
        if not rows:
            return
        statement = self._store.insert(request_logs).on_conflict_do_nothing(index_elements=["id"])
        async with self._store.transaction() as connection:
            await connection.execute(statement, rows)

    def _drop(self, count: int, reason: str = "queue full") -> None:
        if count:
            self.dropped += count
            log.warning("request log rows dropped", count=count, reason=reason, dropped=self.dropped)
