"""Turns in the sandbox, fair between users."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import NamedTuple


class _Waiting(NamedTuple):
    user_id: str
    turn: asyncio.Future[None]


class Turns:
    """Next is whose user has the fewest turns now; among those, whose last one is the longest ago; among
    those, who came first. So a user with a hundred runs waits for its own, never others for it."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._taken: Counter[str] = Counter()
        """by user"""
        self._last: dict[str, int] = {}
        """of users who have a turn, or wait for one"""
        self._waiting: list[_Waiting] = []
        self._given = count(1)

    @asynccontextmanager
    async def turn(self, user_id: str) -> AsyncIterator[None]:
        mine = _Waiting(user_id, asyncio.get_running_loop().create_future())
        self._waiting.append(mine)
        self._give()
        try:
            await mine.turn
            yield
        finally:
            if mine in self._waiting:  # it never came
                self._waiting.remove(mine)
            else:
                self._taken -= Counter([user_id])
            self._give()

    def _give(self) -> None:
        while self._taken.total() < self._at_once and (waiting := self._still_waiting()):
            chosen = min(waiting, key=lambda one: (self._taken[one.user_id], self._last.get(one.user_id, 0)))
            self._waiting.remove(chosen)
            self._taken[chosen.user_id] += 1
            self._last[chosen.user_id] = next(self._given)
            chosen.turn.set_result(None)
        here = self._taken.keys() | {one.user_id for one in self._waiting}
        self._last = {user_id: last for user_id, last in self._last.items() if user_id in here}

    def _still_waiting(self) -> list[_Waiting]:
        """Without those that have been cancelled and do not know it yet."""
        return [one for one in self._waiting if not one.turn.done()]
