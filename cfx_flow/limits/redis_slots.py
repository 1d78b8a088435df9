"""Stream slots on Redis: a hash for each user, slot number → "token expiry talk"; each op a script."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cfx_flow.limits.leases import LEASE, Op, Renew, Row, Swap, Take, Taken
from cfx_flow.limits.slots import Talk
from cfx_flow.store.group_commit import NowOrLater
from cfx_flow.store.quick_redis import Call, QuickRedis, Script

# Longer than any lease in it, so that whoever lost a slot finds another's token there, not nothing.
_KEPT_MS = int(LEASE.total_seconds() * 2000)

_TAKE = Script("""
local now, new, most, kept = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), ARGV[4]
local all, held, running = redis.call('HGETALL', KEYS[1]), {}, {}
for i = 1, #all, 2 do
  local token, expires, talk = string.match(all[i + 1], '^(%S*) (%d+) (.*)$')
  if tonumber(expires) > now then
    held[tonumber(all[i])] = true
    running[#running + 1] = {all[i], token, talk}
  end
end
if #running >= most then return {-1, running} end
local free = 0
while held[free] do free = free + 1 end
redis.call('HSET', KEYS[1], free, new)
redis.call('PEXPIRE', KEYS[1], kept)
return {free, running}
""")
_PUT_IF_HELD_BY = Script("""
local out, kept = {}, ARGV[1]
for i, key in ipairs(KEYS) do
  local slot, holder, new = ARGV[3 * i - 1], ARGV[3 * i], ARGV[3 * i + 1]
  local old = redis.call('HGET', key, slot)
  if not old or string.match(old, '^(%S*) ') == holder then
    redis.call('HSET', key, slot, new)
    redis.call('PEXPIRE', key, kept)
    out[i] = 1
  else
    out[i] = 0
  end
end
return out
""")
_END = Script("""
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  if string.match(all[i + 1], '^(%S*) ') == ARGV[1] then
    redis.call('HSET', KEYS[1], all[i], ' 0 ')
    return 1
  end
end
return 0
""")


class RedisSlots:
    def __init__(self, database: QuickRedis) -> None:
        self._database = database

    def apply(self, ops: Sequence[Op], now: datetime, until: datetime) -> NowOrLater[Sequence[Any]]:
        return self._apply(ops, _ms(now), _ms(until))

    async def _apply(self, ops: Sequence[Op], now: int, until: int) -> list[Any]:
        answers = await self._database.run([_call(op, now, until) for op in ops])
        return [_read(op, answer) for op, answer in zip(ops, answers, strict=True)]


def _call(op: Op, now: int, until: int) -> Call:
    if isinstance(op, Take):
        return _TAKE, [_key(op.user_id)], [now, _value(op.token, until, op.talk), op.max_streams, _KEPT_MS]
    if isinstance(op, Swap):
        return _put([(op.row, op.old_token)], until)
    if isinstance(op, Renew):
        return _put([(row, row.token) for row in op.rows], until)
    return _END, [_key(op.user_id)], [op.token]


def _put(rows: Sequence[tuple[Row, str]], until: int) -> Call:
    keys = [_key(row.user_id) for row, _ in rows]
    values = [
        value for row, holder in rows for value in (row.number, holder, _value(row.token, until, row.talk))
    ]
    return _PUT_IF_HELD_BY, keys, [_KEPT_MS, *values]


def _read(op: Op, answer: Any) -> Any:
    if isinstance(op, Take):
        number, running = answer
        rows = tuple(_row(op.user_id, *fields) for fields in running)
        return Taken(None if number < 0 else number, rows)
    if isinstance(op, Swap):
        return answer == [1]
    if isinstance(op, Renew):
        return frozenset(row.token for row, held in zip(op.rows, answer, strict=True) if held)
    return answer == 1


def _row(user_id: str, number: bytes, token: bytes, talk: bytes) -> Row:
    session_id, message_count, digest = json.loads(talk)
    return Row(user_id, int(number), token.decode(), Talk(session_id, message_count, bytes.fromhex(digest)))


def _value(token: str, until: int, talk: Talk) -> str:
    return f"{token} {until} {json.dumps([talk.session_id, talk.message_count, talk.digest.hex()])}"


def _key(user_id: str) -> str:
    return f"cfx:streams:{user_id}"


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
