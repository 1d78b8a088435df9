"""A flow's model call takes one of its owner's day, in the transaction that writes the call's beginning: none
is counted that is not in the journal, and none is made that was not counted."""

from __future__ import annotations

import uuid
from datetime import datetime
from functools import partial

from sqlalchemy import bindparam, update

from cfx_flow.accounts.daily_limits import DailyLimits
from cfx_flow.clock import Clock, next_midnight
from cfx_flow.flows.model import FlowFailed, Reason
from cfx_flow.limits.daily import MOST_A_DAY, RateLimiter
from cfx_flow.store.engine import Store
from cfx_flow.store.jobs import Ask, Job, Steps
from cfx_flow.store.tables import usage_counters


class DayOfCalls:
    """``limiter``: of servers that count outside of the store, on Redis; there the call is counted before
    its beginning is written."""

    def __init__(
        self, store: Store, limits: DailyLimits, clock: Clock, limiter: RateLimiter | None = None
    ) -> None:
        self._limits, self._clock, self._limiter = limits, clock, limiter
        counted, row = usage_counters.c, store.insert(usage_counters)
        more = {
            "request_count": counted.request_count + 1,
            "granted": 1,
            "updated_at": bindparam("updated_at", type_=counted.updated_at.type),
        }
        left = counted.request_count < bindparam("most")
        self._one_more = (
            update(usage_counters)
            .where(counted.user_id == bindparam("of_user"), counted.day == bindparam("on_day"), left)
            .values(more)
        )
        self._first = row.values(
            {column.name: bindparam(column.name) for column in counted}
        ).on_conflict_do_update(index_elements=["user_id", "day"], set_=more, where=left)

    async def take(self, user_id: str, api_key_id: str | None) -> Job[None] | None:
        """What is left to be done in that transaction; it raises FlowFailed (limit_reached), as this does."""
        if self._limiter is None:
            return partial(self._taken, user_id, api_key_id)
        now, limit = self._clock.now(), await self._limits.of(user_id, api_key_id)
        if not (await self._limiter.check_and_increment(user_id, now.date(), limit)).allowed:
            raise _used_up(limit, now)
        return None

    def _taken(self, user_id: str, api_key_id: str | None) -> Steps[None]:
        now, limit = self._clock.now(), (yield from self._limits.read(user_id, api_key_id))
        day, values = now.date(), {"updated_at": now, "most": min(limit, MOST_A_DAY)}
        found = yield Ask(self._one_more, {**values, "of_user": user_id, "on_day": day})
        if not found and limit > 0:  # the first of the day, or one too many
            first = {
                "id": str(uuid.uuid4()),
                "user_id": user_id,
                "day": day,
                "request_count": 1,
                "granted": 1,
            }
            found = yield Ask(self._first, values | first)
        if not found:
            raise _used_up(limit, now)


def _used_up(limit: int, now: datetime) -> FlowFailed:
    return FlowFailed(
        Reason.LIMIT_REACHED,
        f"Your daily limit of {limit} model calls is used up. "
        f"It starts anew at {next_midnight(now.date()):%Y-%m-%dT%H:%M:%SZ}.",
    )
