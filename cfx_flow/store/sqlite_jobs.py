"""Jobs on SQLite: all that wait are one transaction, on one connection, and share one fsync.

Their statements run inside the event loop, in microseconds each; only a commit that waits for the
disk runs in a thread. A job that raises takes nobody with it.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Dialect

from cfx_flow.store.commit_thread import CommitThread
from cfx_flow.store.group_commit import GroupCommit, NowOrLater
from cfx_flow.store.jobs import Ask, Job, Row, Steps
from cfx_flow.store.log_sync import LogSync
from cfx_flow.store.quick_sqlite import POLL_S, is_busy, sqlite_errors, trouble_of
from cfx_flow.store.sqlite_statements import SqliteStatements
from cfx_flow.store.trouble import BUSY, unavailable
from cfx_flow.store.write_turn import WriteTurn

T = TypeVar("T")

CACHED_STATEMENTS = 256
FULL, NORMAL = "FULL", "NORMAL"
PAGES_BEFORE_CHECKPOINT = 4_000
"""16 MB of log: a flow writes the same pages again and again, and each is moved once"""
_FOR_THE_DISK = f"PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint={PAGES_BEFORE_CHECKPOINT}"
_FOR_NO_DISK = "PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=0"
"""Written to the log inside the event loop, and no page moved out of it. SQLite then waits for the disk only
where the log begins anew, once in 16 MB."""


class _Asked(msgspec.Struct, frozen=True):
    job: Job[Any]
    is_lazy: bool


class _Outcome(msgspec.Struct, frozen=True):
    value: Any = None
    error: Exception | None = None


class _HalfDone(Exception):
    """A job raised ``error`` after it had written: the transaction is spoilt for all in it."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class _Busy(Exception):
    """Another process writes."""


class SqliteJobs:
    """``turn`` is the store's queue of writers. Opened with the first job: the file may be migrated later."""

    def __init__(
        self,
        path: Path,
        dialect: Dialect,
        turn: WriteTurn,
        *,
        busy_timeout_s: float,
        synchronous: str = FULL,
    ) -> None:
        self._path, self._turn, self._busy_timeout_s = path, turn, busy_timeout_s
        self._held = _Held(turn)
        self._synchronous = synchronous
        self._statements = SqliteStatements(dialect)
        self._queue: GroupCommit[_Asked, _Outcome] = GroupCommit(self._commit)
        self._waits_for_disk: bool | None = None
        """as the writer is set; None while nobody knows"""
        self._disk = CommitThread()
        self._sync = LogSync(path, self._disk)
        self._writer: sqlite3.Connection | None = None
        self._is_committing = False
        self._reader: sqlite3.Connection | None = None

    async def run(self, job: Job[T], *, is_lazy: bool = False) -> T:
        """Returns when what it wrote is as durable as the setting says; ``is_lazy``: see Store.run. Raises
        what the job raises, and StoreUnavailable."""
        outcome = await self._queue.ask(_Asked(job, is_lazy))
        if outcome.error is not None:
            raise outcome.error
        made: T = outcome.value
        return made

    def look(self, job: Job[T]) -> T:
        """Of a job that only reads; readers wait for nobody under WAL. Raises StoreUnavailable."""
        with sqlite_errors():
            return _work_through(self._readable().cursor(), job(), self._statements.look)

    def close(self) -> None:
        """After the last job."""
        self._sync.close()
        self._disk.close()
        for connection in (self._writer, self._reader):
            if connection is not None:
                connection.close()
        self._writer = self._reader = None

    def _readable(self) -> sqlite3.Connection:
        """The writer if it is idle: it has at hand what it wrote, where every commit of another connection
        empties the reader's cache."""
        if self._writer is not None and not self._is_committing and not self._writer.in_transaction:
            return self._writer
        if self._reader is None:
            self._reader = self._connect()
            self._reader.execute("PRAGMA query_only=ON")
        return self._reader

    def _commit(self, asked: list[_Asked]) -> NowOrLater[Sequence[_Outcome]]:
        if not self._turn.take():
            return self._commit_later(asked)
        try:
            return self._transact_now(asked)
        except (_HalfDone, _Busy):
            return self._commit_later(asked)

    async def _commit_later(self, asked: Sequence[_Asked]) -> Sequence[_Outcome]:
        try:
            return await self._transact(asked)
        except _HalfDone:
            return [await self._alone(each) for each in asked]

    async def _alone(self, asked: _Asked) -> _Outcome:
        try:
            return (await self._transact([asked]))[0]
        except _HalfDone as spoilt:
            return _Outcome(error=spoilt.error)

    def _transact_now(self, asked: Sequence[_Asked]) -> NowOrLater[Sequence[_Outcome]]:
        """Has the turn. Later only if there is the disk to wait for. Raises _Busy before anything is done."""
        with self._held:
            connection = self._ready_for(asked)
            if not _begun(connection):
                raise _Busy
            return self._written(connection, asked)

    async def _transact(self, asked: Sequence[_Asked]) -> Sequence[_Outcome]:
        await self._turn.wait()
        with self._held:
            connection = self._ready_for(asked)
            await self._begin(connection)
            written = self._written(connection, asked)
        if not isinstance(written, asyncio.Future):
            return written
        return await asyncio.shield(written)  # whoever waits may go; the commit does not

    def _written(
        self, connection: sqlite3.Connection, asked: Sequence[_Asked]
    ) -> Sequence[_Outcome] | asyncio.Future[Sequence[_Outcome]]:
        """The transaction that has begun, to its end; then the turn is given back."""
        try:
            outcomes = [self._outcome(connection, each.job) for each in asked]
            if self._waits_for_disk:
                return self._committed(connection, outcomes)
            connection.commit()
        except BaseException:
            _undo(connection)
            raise
        if self._synchronous == FULL:
            self._sync.soon()
        self._turn.give_back()
        return outcomes

    def _committed(self, connection: sqlite3.Connection, answer: T) -> asyncio.Future[T]:
        """``answer`` when the disk has it, for which a thread waits; undone if it does not take it. Then the
        turn is given back."""
        later: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def told(error: Exception | None) -> None:
            self._is_committing = False
            trouble = None if error is None else _undone(connection, error)
            if not later.done():
                if trouble is None:
                    later.set_result(answer)
                else:
                    later.set_exception(trouble)
            self._turn.give_back()

        self._disk.run(connection.commit, told)
        self._is_committing = True
        return later

    def _ready_for(self, asked: Sequence[_Asked]) -> sqlite3.Connection:
        """The writer, set as those in the batch need it; a transaction that is open could not be told."""
        connection = self._writer or self._opened()
        waits = self._synchronous == FULL and not all(each.is_lazy for each in asked)
        if waits != self._waits_for_disk:
            self._waits_for_disk = None
            # A script: such a PRAGMA works while it is prepared, and one from the cache would do nothing.
            connection.executescript(_FOR_THE_DISK if waits else _FOR_NO_DISK)
            self._waits_for_disk = waits
        return connection

    async def _begin(self, connection: sqlite3.Connection) -> None:
        """Polls as SQLite's own busy handler does, but without a thread."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._busy_timeout_s
        while not _begun(connection):
            if loop.time() > deadline:
                raise unavailable(BUSY)
            await asyncio.sleep(POLL_S)

    def _outcome(self, connection: sqlite3.Connection, job: Job[Any]) -> _Outcome:
        before = connection.total_changes
        try:
            return _Outcome(_work_through(connection.cursor(), job(), self._statements.run))
        except sqlite3.OperationalError:
            raise  # the database itself: nobody in this transaction can go on
        except Exception as error:
            if connection.total_changes != before:
                raise _HalfDone(error) from error
            return _Outcome(error=error)

    def _opened(self) -> sqlite3.Connection:
        connection = self._connect()
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute(f"PRAGMA synchronous={self._synchronous}")
        connection.execute(f"PRAGMA wal_autocheckpoint={PAGES_BEFORE_CHECKPOINT}")
        self._writer, self._waits_for_disk = connection, self._synchronous == FULL
        return connection

    def _connect(self) -> sqlite3.Connection:
        """Waiting is ours. It is used in two threads, never at once: the loop's, and the one that commits."""
        return sqlite3.connect(
            self._path,
            timeout=0,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=CACHED_STATEMENTS,
        )


def _work_through(
    cursor: sqlite3.Cursor,
    steps: Steps[T],
    run: Callable[[sqlite3.Cursor, Ask], Sequence[Row]],
) -> T:
    """One cursor for all: making one costs what a small statement does."""
    try:
        ask = next(steps)
        while True:
            ask = steps.send(run(cursor, ask))
    except StopIteration as end:
        made: T = end.value
        return made


def _begun(connection: sqlite3.Connection) -> bool:
    """False: another connection writes."""
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if not is_busy(error):
            raise
        return False
    return True


def _undo(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _undone(connection: sqlite3.Connection, error: Exception) -> Exception:
    """A commit that the disk did not take; what those who wait for it hear."""
    try:
        with sqlite_errors():
            _undo(connection)
            raise error
    except Exception as trouble:  # noqa: BLE001 - raised where they wait
        return trouble


class _Held:
    """The turn, given back at once if what is done with it fails; as ``sqlite_errors`` besides. Not a
    generator's: it is entered for every transaction."""

    __slots__ = ("_turn",)

    def __init__(self, turn: WriteTurn) -> None:
        self._turn = turn

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if error is None:
            return
        self._turn.give_back()
        if isinstance(error, sqlite3.Error):
            raise trouble_of(error) from error
