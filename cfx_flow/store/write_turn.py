"""Whose turn it is to write, in this process: SQLite has one writer at a time."""

from __future__ import annotations

import asyncio

from cfx_flow.store.trouble import BUSY, unavailable


class WriteTurn:
    """Our own writers queue here, first come first served: SQLite's busy handler polls, which is neither
    fair nor free. Raises StoreUnavailable when it takes too long."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._lock = asyncio.Lock()

    @property
    def is_free(self) -> bool:
        """Whoever does not give the loop away need not take it."""
        return not self._lock.locked()

    async def __aenter__(self) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._lock.acquire()
        except TimeoutError as error:
            raise unavailable(BUSY) from error

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()
