"""The daily counter on SQLite: looked at and written within one transaction."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import partial

from cfx_flow.limits.daily import Counted, Tally
from cfx_flow.store.group_commit import NowOrLater
from cfx_flow.store.quick_sqlite import QuickSqlite, stored_id, stored_time

_ZERO, _SECOND = timedelta(), timedelta(seconds=1)
_COUNT = "SELECT request_count FROM usage_counters WHERE user_id = ? AND day = ?"
_ADD = (
    "UPDATE usage_counters SET request_count = request_count + ?, updated_at = ?"
    " WHERE user_id = ? AND day = ?"
)
_ADD_IF_ALL_FIT = (
    "UPDATE usage_counters SET request_count = request_count + ?, updated_at = ?"
    " WHERE user_id = ? AND day = ? AND request_count + ? <= ? RETURNING request_count"
)
_BEGIN = "INSERT INTO usage_counters (request_count, updated_at, user_id, day, id) VALUES (?, ?, ?, ?, ?)"


class SqliteCounter:
    def __init__(self, database: QuickSqlite) -> None:
        self._database = database
        self._stamp: tuple[datetime, str] | None = None
        """updated_at is to the second: writing a time out costs as much as reading a row"""

    def add(self, tallies: Sequence[tuple[Tally, int]], now: datetime) -> NowOrLater[Sequence[Counted]]:
        """Nearly always one user's asks all fit: a statement that is a transaction by itself."""
        if len(tallies) == 1:
            tally, asks = tallies[0]
            after = self._database.try_write(_ADD_IF_ALL_FIT, _fitting(tally, asks, self._stamped(now)))
            if after:
                return [Counted(after[0][0] - asks, asks)]
        return self._database.write(partial(_add, tallies, self._stamped(now)))

    def _stamped(self, now: datetime) -> str:
        if self._stamp is None or not _ZERO <= now - self._stamp[0] < _SECOND:
            self._stamp = (now, stored_time(now))
        return self._stamp[1]

    async def count_of(self, user_id: str, day: date) -> int:
        key = (stored_id(user_id), day.isoformat())
        row = self._database.read(lambda connection: connection.execute(_COUNT, key).fetchone())
        return row[0] if row else 0


def _fitting(tally: Tally, asks: int, now: str) -> tuple[object, ...]:
    return (asks, now, stored_id(tally.user_id), tally.day.isoformat(), asks, tally.limit)


def _add(tallies: Sequence[tuple[Tally, int]], now: str, connection: sqlite3.Connection) -> list[Counted]:
    counted = []
    for (user_id, day, limit), asks in tallies:
        key = (stored_id(user_id), day.isoformat())
        row = connection.execute(_COUNT, key).fetchone()
        before = row[0] if row else 0
        granted = min(asks, max(limit - before, 0))
        if row and granted:
            connection.execute(_ADD, (granted, now, *key))
        elif granted:
            connection.execute(_BEGIN, (granted, now, *key, uuid.uuid4().hex))
        counted.append(Counted(before, granted))
    return counted
