"""Whose turn it is to write, in this process: SQLite has one writer at a time."""

from __future__ import annotations

import asyncio
from collections import deque

from cfx_flow.store.trouble import BUSY, unavailable


class WriteTurn:
    """Our own writers queue here, first come first served: SQLite's busy handler polls, which is neither
    fair nor free. Entering raises StoreUnavailable when it takes too long."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._is_taken = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    def take(self) -> bool:
        """At once, or not at all. Who takes it gives it back."""
        if self._is_taken:
            return False
        self._is_taken = True
        return True

    def give_back(self) -> None:
        """To who has waited longest: nobody overtakes them."""
        while self._waiting:
            next_one = self._waiting.popleft()
            if not next_one.done():
                next_one.set_result(None)
                return
        self._is_taken = False

    async def wait(self) -> None:
        """Until it is ours. Raises as entering does."""
        if self.take():
            return
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        try:
            async with asyncio.timeout(self._timeout_s):
                await mine
        except BaseException as error:
            if mine.done() and not mine.cancelled():
                self.give_back()  # it came in the very moment in which nobody wanted it any more
            if isinstance(error, TimeoutError):
                raise unavailable(BUSY) from error
            raise

    async def __aenter__(self) -> None:
        await self.wait()

    async def __aexit__(self, *_: object) -> None:
        self.give_back()
