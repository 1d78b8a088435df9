"""The daily counter on Redis: one script for the whole batch."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from cfx_flow.limits.daily import Counted, Tally
from cfx_flow.store.group_commit import NowOrLater
from cfx_flow.store.quick_redis import QuickRedis, Script

KEPT_S = 2 * 24 * 60 * 60
"""from its first request: to the end of its day by anybody's clock"""

_ADD = Script("""
local out = {}
for i, key in ipairs(KEYS) do
  local asks, limit = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  local before = tonumber(redis.call('GET', key) or '0')
  local granted = math.min(asks, math.max(limit - before, 0))
  if granted > 0 then
    redis.call('INCRBY', key, granted)
    if before == 0 then redis.call('EXPIRE', key, ARGV[1]) end
  end
  out[2 * i - 1], out[2 * i] = before, granted
end
return out
""")
_COUNT = Script("return tonumber(redis.call('GET', KEYS[1]) or '0')")


class RedisCounter:
    def __init__(self, database: QuickRedis) -> None:
        self._database = database

    def add(self, tallies: Sequence[tuple[Tally, int]], now: datetime) -> NowOrLater[Sequence[Counted]]:
        return self._add(tallies)

    async def _add(self, tallies: Sequence[tuple[Tally, int]]) -> list[Counted]:
        keys = [_key(tally.user_id, tally.day) for tally, _ in tallies]
        values = [value for tally, asks in tallies for value in (asks, tally.limit)]
        ((*answer,),) = await self._database.run([(_ADD, keys, [KEPT_S, *values])])
        return [Counted(*answer[n : n + 2]) for n in range(0, len(answer), 2)]

    async def count_of(self, user_id: str, day: date) -> int:
        (count,) = await self._database.run([(_COUNT, [_key(user_id, day)], [])])
        return int(count)


def _key(user_id: str, day: date) -> str:
    return f"cfx:day:{day.isoformat()}:{user_id}"
