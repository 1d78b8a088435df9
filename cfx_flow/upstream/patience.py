"""How long a task waits for an upstream's next sign of life, without a timer per wait.

Every stream waits thousands of times. A timer each would cost more than relaying the
chunk; instead one sweep a second looks at all who wait. So a wait may last up to one
sweep longer than its limit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Protocol, TypeVar

T = TypeVar("T")

SWEEP_EVERY_S = 1.0


class Swept(Protocol):
    def sweep(self, now: float) -> None:
        """``now`` is the loop's time in seconds. Must neither block nor raise."""
        ...


class Sweeper:
    """Calls every member once a period; idle while it has none."""

    def __init__(self, period_s: float = SWEEP_EVERY_S) -> None:
        self.period_s = period_s
        self._members: set[Swept] = set()
        self._handle: asyncio.TimerHandle | None = None

    def add(self, member: Swept) -> None:
        self._members.add(member)
        if self._handle is None:
            self._schedule()

    def discard(self, member: Swept) -> None:
        self._members.discard(member)

    def close(self) -> None:
        self._members.clear()
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _schedule(self) -> None:
        self._handle = asyncio.get_running_loop().call_later(self.period_s, self._sweep)

    def _sweep(self) -> None:
        self._handle = None
        if not self._members:
            return
        self._schedule()
        now = asyncio.get_running_loop().time()
        for member in tuple(self._members):
            member.sweep(now)


class Patience:
    """The waits of one task, one after the other, none longer than ``limit_s`` (plus a sweep).

    Must be made in the task that waits: an expired wait is broken by cancelling it.
    """

    def __init__(self, sweeper: Sweeper, limit_s: float) -> None:
        self._loop = loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)  # told the loop, it need not look for it: a system call less
        if task is None:
            raise RuntimeError("patience needs a task to wake")
        self.limit_s = limit_s
        self._task = task
        self._sweeper = sweeper
        self._since: float | None = None
        self._expired = False
        sweeper.add(self)

    def close(self) -> None:
        self._sweeper.discard(self)

    async def wait(self, awaitable: Awaitable[T]) -> T:
        """Raises TimeoutError when the limit passes. A cancellation from elsewhere goes through."""
        self.begin()
        try:
            return await awaitable
        except asyncio.CancelledError:
            self.raise_if_expired()
            raise
        finally:
            self.end()

    def begin(self) -> None:
        """``begin``, ``raise_if_expired`` and ``end`` are ``wait`` in parts, for who waits for every chunk: a
        coroutine less each time."""
        self._since = self._loop.time()

    def raise_if_expired(self) -> None:
        """For who caught a CancelledError: TimeoutError if that was the limit, nothing if it was not."""
        if self._expired:
            self._expired = False
            if self._task.uncancel() == 0:
                raise TimeoutError from None

    def end(self) -> None:
        self._since = None

    def sweep(self, now: float) -> None:
        if self._since is not None and not self._expired and now - self._since > self.limit_s:
            self._expired = True
            self._task.cancel()
