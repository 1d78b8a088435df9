"""Small transactions on SQLite that run inside the event loop: 20 to 45 µs each, less than a hop to a thread.

A connection of its own beside the store's. It never waits for a lock and, by design, hardly
ever for a disk (docs/adr/0015): ``synchronous=NORMAL`` and no checkpoints of its own.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from cfx_flow.store.group_commit import NowOrLater
from cfx_flow.store.sqlite import BUSY_TIMEOUT_S
from cfx_flow.store.trouble import BUSY, explain_sqlite, unavailable

T = TypeVar("T")

POLL_S = 0.001
# The store's own commits checkpoint far sooner, in a thread. This is for a day without any.
PAGES_BEFORE_OWN_CHECKPOINT = 20_000


class QuickSqlite:
    """Opened with its first transaction: the file may be migrated after this is made."""

    def __init__(self, path: Path, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        self._path = path
        self._busy_timeout_s = busy_timeout_s
        self._connection: sqlite3.Connection | None = None

    def write(self, job: Callable[[sqlite3.Connection], T]) -> NowOrLater[T]:
        """One transaction around ``job``, now; later if another writer is at work, without blocking the
        loop. Raises StoreUnavailable."""
        try:
            return self._transact(job)
        except sqlite3.Error as error:
            if not is_busy(error):
                raise trouble_of(error) from error
        return self._write_later(job)

    def try_write(self, statement: str, values: Sequence[object]) -> list[Any]:
        """One statement, its own transaction; its rows, and none if another writer is at work.
        Raises StoreUnavailable."""
        try:
            return self._opened().execute(statement, values).fetchall()
        except sqlite3.Error as error:
            if is_busy(error):
                return []
            raise trouble_of(error) from error

    def read(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Readers wait for nobody under WAL. Raises StoreUnavailable."""
        try:
            return job(self._opened())
        except sqlite3.Error as error:
            raise trouble_of(error) from error

    async def _write_later(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Polls as SQLite's own busy handler does, but steadily and without a thread."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._busy_timeout_s
        while True:
            await asyncio.sleep(POLL_S)
            try:
                return self._transact(job)
            except sqlite3.Error as error:
                if not is_busy(error) or loop.time() > deadline:
                    raise trouble_of(error) from error

    def _transact(self, job: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._opened()
        connection.execute("BEGIN IMMEDIATE")
        try:
            answer = job(connection)
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        return answer

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            connection = sqlite3.connect(self._path, timeout=0, isolation_level=None, cached_statements=64)
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute(f"PRAGMA wal_autocheckpoint={PAGES_BEFORE_OWN_CHECKPOINT}")
            self._connection = connection
        return self._connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def is_busy(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorname", "").startswith("SQLITE_BUSY")


@contextmanager
def sqlite_errors() -> Iterator[None]:
    """As ``store_errors``, for sqlite3's own errors."""
    try:
        yield
    except sqlite3.Error as error:
        raise trouble_of(error) from error


def trouble_of(error: sqlite3.Error) -> BaseException:
    """A mistake of ours stays what it is."""
    text = BUSY if is_busy(error) else explain_sqlite(error)
    return error if text is None else unavailable(text)


def stored_id(uuid_text: str) -> str:
    """As SQLAlchemy's Uuid column keeps it on SQLite."""
    return uuid_text.replace("-", "")


def stored_time(moment: datetime) -> str:
    """An aware UTC time as SQLAlchemy's DateTime column keeps it on SQLite; texts that sort as times."""
    return moment.isoformat(" ", "microseconds")[:26]
