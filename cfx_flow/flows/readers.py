"""How many event streams one user reads at a time, over all processes."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cfx_flow.errors import TooManyConcurrentRequests
from cfx_flow.limits.slots import StreamSlots, Talk

READERS_PER_USER = 20
_READERS = uuid.UUID("5d0b4b0e-64c4-4c0b-8a63-7c4f7f1f3d51")
"""namespace of the ids under which readers' places are kept, beside the slots of chat"""


class Readers:
    """Places are leases, as chat's slots are: a process that is killed gives its own back after 30 s."""

    def __init__(self, slots: StreamSlots) -> None:
        self._slots = slots

    @asynccontextmanager
    async def place(self, user_id: str) -> AsyncIterator[None]:
        """Raises TooManyConcurrentRequests for the reader after the twentieth, StoreUnavailable."""
        owner = str(uuid.uuid5(_READERS, user_id))
        try:
            place = await self._slots.acquire(owner, READERS_PER_USER, _READS, _goes_on)
        except TooManyConcurrentRequests:
            raise TooManyConcurrentRequests(
                f"You are following {READERS_PER_USER} flows already. Close one of the event streams first.",
                headers={"retry-after": "5"},
            ) from None
        try:
            yield
        finally:
            place.release()


class _Reads:
    """A claim that takes no other's place."""

    talk = Talk(None, 0, b"")

    def retires(self, running: Talk) -> bool:
        return False


_READS = _Reads()


def _goes_on() -> None:
    """A lease that is lost was not renewed for 30 s: the store is away, and the stream ends by that."""
