"""An aiosqlite connection that survives cancellation.

A client that disconnects cancels its task in the middle of a statement; SQLAlchemy then closes the
connection. Two things went wrong there:

- ``sqlite3_close_v2`` lets a connection live on while a cursor of its does, and the cursor hangs in the
  cancelled task's traceback: its write lock stayed, and every writer waited out the busy timeout.
  So a transaction is rolled back before the close.
- ``stop()`` a second time waits for a thread that is gone, for ever; ``close()`` calls it.

**Source**: sqlite.org/c3ref/close.html; omnilib/aiosqlite issue 259; aiosqlite 0.22 ``core.py``.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from pathlib import Path
from typing import Any

from aiosqlite import Connection


class SteadyConnection(Connection):
    def __init__(self, path: Path, busy_timeout_s: float) -> None:
        def connect() -> sqlite3.Connection:
            return sqlite3.connect(path, timeout=busy_timeout_s, isolation_level=None)

        super().__init__(connect, iter_chunk_size=64)
        self._thread.daemon = True
        self._stopped: asyncio.Future[Any] | None = None

    async def close(self) -> None:
        with contextlib.suppress(sqlite3.Error, ValueError):  # nothing to roll back, or closed already
            await self.rollback()
        await super().close()

    def stop(self) -> asyncio.Future[Any] | None:
        if self._stopped is None:
            self._stopped = super().stop()
        return self._stopped and asyncio.shield(self._stopped)


async def connect_sqlite(path: Path, busy_timeout_s: float) -> SteadyConnection:
    """Transaction control is ours (``isolation_level=None``), see ``set_up_engine``."""
    connection = SteadyConnection(path, busy_timeout_s)
    await connection
    return connection
