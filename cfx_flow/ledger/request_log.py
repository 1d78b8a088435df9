"""The request log's queue: best effort, behind the requests' backs, and bounded in everything."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections import deque
from itertools import islice

import structlog
from sqlalchemy.exc import SQLAlchemyError

from cfx_flow.errors import StoreUnavailable
from cfx_flow.ledger.budgets import Budgets
from cfx_flow.ledger.meter import Meter
from cfx_flow.ledger.record import CallRecord, LogRow, ordered_ids, to_row
from cfx_flow.ledger.write import RowWriter
from cfx_flow.store.engine import Store

log = structlog.get_logger(__name__)

CAPACITY = 10_000
GATHER_S = 0.2
RETRY_AFTER_S = (0.2, 1.0, 5.0)
CLOSE_TIMEOUT_S = 5.0


class RequestLog:
    """``record`` costs a request nothing and cannot hurt it. A full queue drops the newest record; a store
    that fails gets each batch four times in all; ``dropped`` counts what was lost."""

    def __init__(  # noqa: PLR0913 - the last three are for tests
        self,
        store: Store,
        meter: Meter | None = None,
        budgets: Budgets | None = None,
        *,
        capacity: int = CAPACITY,
        gather_s: float = GATHER_S,
        retry_after_s: tuple[float, ...] = RETRY_AFTER_S,
    ) -> None:
        self.dropped = 0
        self._writing = RowWriter(store)
        self._meter = meter or Meter()
        self._budgets = budgets
        self._capacity = capacity
        self._gather_s = gather_s
        self._retry_after_s = retry_after_s
        self._queue: deque[CallRecord] = deque()
        self._wake = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._closing = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None

    @property
    def queued(self) -> int:
        return len(self._queue)

    def record(self, call: CallRecord) -> None:
        """Never blocks, never raises; the meter counts what the queue has no room for, too."""
        try:
            self._meter.observe(call)
        except (TypeError, ArithmeticError):
            log.warning("unusable record", request_id=call.request_id)
        if self._closing.is_set() or len(self._queue) >= self._capacity:
            self._drop(1)
            return
        self._queue.append(call)
        if self._budgets is not None:
            self._budgets.recorded(call)
        if self._empty.is_set():
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
        self._writing.close()

    async def _run(self) -> None:
        while self._queue or not self._closing.is_set():
            await self._wake.wait()
            self._wake.clear()
            await self._pause(self._gather_s)
            while self._queue:
                await self._write_batch()
            self._empty.set()

    async def _write_batch(self) -> None:
        """The batch leaves the queue only when it is settled, so that ``close`` can count it. Its rows have
        their ids before the first try: after an unclear failure they are written once, not twice."""
        batch = list(islice(self._queue, self._writing.max_batch))
        rows = self._rows(batch)
        for number, pause_s in enumerate((*self._retry_after_s, None)):
            try:
                await self._write(rows, is_again=number > 0)
                break
            except StoreUnavailable as error:
                if pause_s is None or self._closing.is_set():
                    self._drop(len(rows), error.message)
                    break
                await self._pause(pause_s)
            except (SQLAlchemyError, sqlite3.Error):
                await self._write_one_by_one(rows)
                break
        for _ in batch:
            self._queue.popleft()
        if self._budgets is not None:
            self._budgets.settled(len(batch))

    def _rows(self, batch: list[CallRecord]) -> list[LogRow]:
        """Without the records that hold rubbish: one of them must not end the writer."""
        rows = []
        for row_id, call in zip(ordered_ids(len(batch)), batch, strict=True):
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

    async def _write_one_by_one(self, rows: list[LogRow]) -> None:
        """One bad row spoils a batch: the others are saved without it."""
        for row in rows:
            try:
                await self._write([row], is_again=False)
            except (StoreUnavailable, SQLAlchemyError, sqlite3.Error) as error:
                self._drop(1, type(error).__name__)

    async def _write(self, rows: list[LogRow], *, is_again: bool) -> None:
        if rows:
            await self._writing.write(rows, perhaps_written=is_again)

    def _drop(self, count: int, reason: str = "queue full") -> None:
        if count:
            self.dropped += count
            log.warning("request log rows dropped", count=count, reason=reason, dropped=self.dropped)
