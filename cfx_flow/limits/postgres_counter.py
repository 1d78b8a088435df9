"""The daily counter on Postgres: one upsert for all users of a batch who share a limit."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date, datetime

from cfx_flow.limits.daily import Counted, Tally
from cfx_flow.store.group_commit import NowOrLater
from cfx_flow.store.quick_postgres import QuickPostgres, Statement, Transaction, as_array

# Rows are locked in the order of users, and each statement is a transaction: no deadlock. The WHERE spares
# those who have nothing left a write. A commit that waits for no disk: docs/adr/0015.
_ADD = Statement("""
    INSERT INTO usage_counters AS c (id, user_id, day, request_count, granted, updated_at)
    SELECT ask.id, ask.user_id, $4::date, least(ask.asks, $5::int), least(ask.asks, $5::int), $6::timestamptz
    FROM unnest($1::uuid[], $2::uuid[], $3::int[]) AS ask (id, user_id, asks),
        set_config('synchronous_commit', 'off', true)
    ORDER BY ask.user_id
    ON CONFLICT (user_id, day) DO UPDATE SET
        granted = least(excluded.granted, $5::int - c.request_count),
        request_count = c.request_count + least(excluded.granted, $5::int - c.request_count),
        updated_at = excluded.updated_at
    WHERE c.request_count < $5::int
    RETURNING user_id, request_count, granted
""")
_COUNT = Statement("SELECT request_count FROM usage_counters WHERE user_id = $1::uuid AND day = $2::date")


class PostgresCounter:
    def __init__(self, database: QuickPostgres) -> None:
        self._database = database

    def add(self, tallies: Sequence[tuple[Tally, int]], now: datetime) -> NowOrLater[Sequence[Counted]]:
        return self._add(tallies, now)

    async def _add(self, tallies: Sequence[tuple[Tally, int]], now: datetime) -> list[Counted]:
        alike: dict[tuple[date, int], list[tuple[Tally, int]]] = {}
        for tally, asks in tallies:
            alike.setdefault((tally.day, tally.limit), []).append((tally, asks))
        statements = [_addition(group, now) for group in alike.values()]
        answers = await self._database.run(statements)
        counted: dict[Tally, Counted] = {}
        for (day, limit), rows in zip(alike, answers, strict=True):
            for user_id, count, granted in rows:
                share = int(granted or 0)
                tally = Tally((user_id or b"").decode(), day, limit)
                counted[tally] = Counted(int(count or 0) - share, share)
        return [counted.get(tally) or Counted(tally.limit, 0) for tally, _ in tallies]

    async def count_of(self, user_id: str, day: date) -> int:
        key = (user_id.encode(), day.isoformat().encode())
        (rows,) = await self._database.run([[(_COUNT, key)]])
        return int(rows[0][0] or 0) if rows else 0


def _addition(group: list[tuple[Tally, int]], now: datetime) -> Transaction:
    day, limit = group[0][0].day, group[0][0].limit
    values = (
        as_array([uuid.uuid4() for _ in group]),
        as_array([tally.user_id for tally, _ in group]),
        as_array([asks for _, asks in group]),
        day.isoformat().encode(),
        b"%d" % limit,
        now.isoformat().encode(),
    )
    return [(_ADD, values)]
