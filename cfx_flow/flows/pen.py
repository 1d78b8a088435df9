"""What one run writes, in order: ``commit`` waits until it is durable, ``put`` rides with the next commit.

A flow is mostly small notes on the way to something that must not be lost; each note by itself
would be a transaction, and a wait for the disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from cfx_flow.errors import StoreUnavailable
from cfx_flow.flows.jobs import Entry, Fence
from cfx_flow.flows.model import Fenced, FlowFailed

if TYPE_CHECKING:
    from cfx_flow.flows.store import FlowStore

LAZY_S = 0.05
"""a note that nothing takes along is written by itself: readers of the timeline wait no longer"""


class Pen:
    def __init__(self, flows: FlowStore, fence: Fence) -> None:
        self._flows, self._fence = flows, fence
        self._notes: list[Entry] = []
        self._turn = asyncio.Lock()
        """one write at a time, however slow: what was put first is written first"""
        self._timer: asyncio.TimerHandle | None = None
        self._flush: asyncio.Task[None] | None = None

    def put(self, entry: Entry) -> None:
        self._notes.append(entry)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LAZY_S, self._start_flush)

    async def commit(self, *entries: Entry, is_lazy: bool = False) -> None:
        """All that was put, and this, in one transaction. Raises Fenced; StoreUnavailable, or an ``also``'s
        FlowFailed, and then what was put waits on, and the same may be committed once more. So it does when
        whoever waits is cancelled. ``is_lazy``: as of ``Store.run``."""
        await self._write(entries, is_lazy)

    async def settle(self) -> None:
        """Nothing that was put stays behind. Raises Fenced, StoreUnavailable."""
        await self.commit()

    async def last(self) -> Sequence[Entry]:
        """What was put and is not written, for whoever writes it together with the flow's end."""
        self._stop_timer()
        async with self._turn:
            notes, self._notes = self._notes, []
            return notes

    def drop(self) -> None:
        """The run is over; what was put and not committed has not happened."""
        self._notes = []
        self._stop_timer()

    async def _write(self, entries: tuple[Entry, ...], is_lazy: bool = False) -> None:
        self._stop_timer()
        async with self._turn:
            notes, self._notes = self._notes, []
            if not (notes or entries):
                return
            try:
                await self._flows.write(self._fence, *notes, *entries, is_lazy=is_lazy)
            except (StoreUnavailable, FlowFailed, asyncio.CancelledError):  # or a call's time has run out
                self._notes = [*notes, *self._notes]  # whoever commits next takes them along
                raise

    def _start_flush(self) -> None:
        self._flush = asyncio.create_task(self._flush_quietly())

    async def _flush_quietly(self) -> None:
        with suppress(StoreUnavailable, Fenced):  # whoever commits next hears of it
            await self._write(())

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
