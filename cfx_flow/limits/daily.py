"""The daily limit, as its callers see it, and what is the same on every backend.

A backend is a CounterTable; ``tests/limits/`` holds each of them to one suite.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from datetime import UTC, date, datetime
from typing import NamedTuple, Protocol

import msgspec

from cfx_flow.clock import Clock, next_midnight
from cfx_flow.store.group_commit import GroupCommit, NowOrLater

MOST_A_DAY = 2**31 - 1
"""what the column holds"""


class Allowance(msgspec.Struct, frozen=True):
    allowed: bool
    """the answer to this ask; for ``peek``: to one that came now"""
    limit: int
    remaining: int
    reset_at: datetime
    """the next midnight, UTC"""


class RateLimiter(Protocol):
    """The counter is the user's; ``limit`` may differ from call to call (a key's own limit)."""

    async def check_and_increment(self, user_id: str, day_utc: date, limit: int) -> Allowance:
        """Counts one request if the limit leaves room, in one atomic step: never one above it, never a
        refusal while some are left. A caller that is cancelled here may have been counted.
        Raises StoreUnavailable."""
        ...

    async def peek(self, user_id: str, day_utc: date, limit: int) -> Allowance:
        """What is left, counting nothing. Raises StoreUnavailable."""
        ...


class Tally(NamedTuple):
    """The asks of one batch that are alike."""

    user_id: str
    day: date
    limit: int
    """from 1 to MOST_A_DAY"""


class Counted(NamedTuple):
    before: int
    """the counter when the first of them was looked at"""
    granted: int


class CounterTable(Protocol):
    def add(self, tallies: Sequence[tuple[Tally, int]], now: datetime) -> NowOrLater[Sequence[Counted]]:
        """Counts ``min(asks, what the limit leaves)`` for each tally, as if one after the other; the same
        user may come with several limits. No two tallies are equal. Raises StoreUnavailable."""
        ...

    async def count_of(self, user_id: str, day: date) -> int: ...


class DailyLimiter:
    """RateLimiter over a table: the asks of a batch become one addition for each user and limit."""

    def __init__(self, table: CounterTable, clock: Clock) -> None:
        self._table = table
        self._clock = clock
        self._midnight: tuple[date, datetime] = (date.min, datetime.min.replace(tzinfo=UTC))
        """the day that was asked about last, and its end"""
        self._asks: GroupCommit[Tally, int | None] = GroupCommit(self._commit)

    async def check_and_increment(self, user_id: str, day_utc: date, limit: int) -> Allowance:
        if limit <= 0:
            return self._allowance(None, day_utc, limit)
        left = await self._asks.ask(Tally(user_id, day_utc, min(limit, MOST_A_DAY)))
        return self._allowance(left, day_utc, limit)

    async def peek(self, user_id: str, day_utc: date, limit: int) -> Allowance:
        left = limit - await self._table.count_of(user_id, day_utc)
        return self._allowance(left if left > 0 else None, day_utc, limit)

    def _allowance(self, left: int | None, day: date, limit: int) -> Allowance:
        if self._midnight[0] != day:
            self._midnight = (day, next_midnight(day))
        return Allowance(left is not None, limit, left or 0, self._midnight[1])

    def _commit(self, asks: list[Tally]) -> NowOrLater[Sequence[int | None]]:
        tallies = _tallied(asks)
        counted = self._table.add(tallies, self._clock.now())
        if isinstance(counted, Awaitable):
            return _shared_out_later(asks, tallies, counted)
        return _shared_out(asks, tallies, counted)


def _tallied(asks: list[Tally]) -> list[tuple[Tally, int]]:
    if len(asks) == 1:
        return [(asks[0], 1)]
    asked: dict[Tally, int] = {}
    for ask in asks:
        asked[ask] = asked.get(ask, 0) + 1
    return list(asked.items())


def _shared_out(
    asks: list[Tally], tallies: list[tuple[Tally, int]], counted: Sequence[Counted]
) -> list[int | None]:
    """What each ask leaves, in the order in which they came; ``None`` for the refused."""
    if len(asks) == 1:
        return [asks[0].limit - counted[0].before - 1 if counted[0].granted else None]
    shares = {tally: _lefts(tally, count) for (tally, _), count in zip(tallies, counted, strict=True)}
    return [shares[ask].pop() if shares[ask] else None for ask in asks]


def _lefts(tally: Tally, counted: Counted) -> list[int | None]:
    """The last granted first: the j-th leaves ``limit - before - j``."""
    first = tally.limit - counted.before - 1
    return list(range(first - counted.granted + 1, first + 1))


async def _shared_out_later(
    asks: list[Tally], tallies: list[tuple[Tally, int]], counted: Awaitable[Sequence[Counted]]
) -> list[int | None]:
    return _shared_out(asks, tallies, await counted)
