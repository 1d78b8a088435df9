"""The daily counter as one guarded upsert, the same statement on SQLite and on Postgres."""

from __future__ import annotations

import uuid
from datetime import date

from sqlalchemy import select

from cfx_flow.clock import Clock
from cfx_flow.limits.daily import Allowance, granted, refused
from cfx_flow.store.engine import Store
from cfx_flow.store.tables import usage_counters


class SqlRateLimiter:
    """Exact across processes: the database checks the limit and counts under the row's own lock, and
    answers no row when there is no room."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def check_and_increment(self, user_id: str, day_utc: date, limit: int) -> Allowance:
        if limit <= 0:
            return refused(day_utc, limit)
        now = self._clock.now()
        statement = (
            self._store.insert(usage_counters)
            .values(id=str(uuid.uuid4()), user_id=user_id, day=day_utc, request_count=1, updated_at=now)
            .on_conflict_do_update(
                index_elements=[usage_counters.c.user_id, usage_counters.c.day],
                set_={"request_count": usage_counters.c.request_count + 1, "updated_at": now},
                where=usage_counters.c.request_count < limit,
            )
            .returning(usage_counters.c.request_count)
        )
        async with self._store.transaction() as connection:
            count = (await connection.execute(statement)).scalar_one_or_none()
        return refused(day_utc, limit) if count is None else granted(count, day_utc, limit)

    async def peek(self, user_id: str, day_utc: date, limit: int) -> Allowance:
        query = select(usage_counters.c.request_count).where(
            usage_counters.c.user_id == user_id, usage_counters.c.day == day_utc
        )
        async with self._store.read() as connection:
            count = (await connection.execute(query)).scalar_one_or_none() or 0
        return granted(count, day_utc, limit) if count < limit else refused(day_utc, limit)
