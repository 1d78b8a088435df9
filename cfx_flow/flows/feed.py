"""The bell that tells readers in this process that a flow has new events, and their generator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

from cfx_flow.errors import StoreUnavailable
from cfx_flow.flows.model import Event

POLL_S = 1.0
"""events written by another process ring no bell here, unless somebody watches"""
LOOK_EVERY_S = 0.25


class Feed:
    """Who reads which flow. ``ring`` is cheap and never waits."""

    def __init__(self) -> None:
        self._bells: dict[str, set[asyncio.Event]] = {}
        self.closed = False

    def close(self) -> None:
        """The process ends: every stream ends too, and its reader comes back with Last-Event-ID."""
        self.closed = True
        for flow_id in self._bells:
            self.ring(flow_id)

    @property
    def followed(self) -> Collection[str]:
        """Ids of the flows that somebody follows."""
        return tuple(self._bells)

    @property
    def idle(self) -> bool:
        """Nobody reads."""
        return not self._bells

    def ring(self, flow_id: str) -> None:
        for bell in self._bells.get(flow_id, ()):
            bell.set()

    @contextmanager
    def listening(self, flow_id: str) -> Iterator[asyncio.Event]:
        bell = asyncio.Event()
        self._bells.setdefault(flow_id, set()).add(bell)
        try:
            yield bell
        finally:
            self._bells[flow_id].discard(bell)
            if not self._bells[flow_id]:
                del self._bells[flow_id]


async def follow(
    read: Callable[[int], Awaitable[Sequence[Event]]],
    feed: Feed,
    flow_id: str,
    after: int,
    *,
    poll_s: float = POLL_S,
) -> AsyncIterator[Event | None]:
    """Each event after seq ``after``, live, until the flow has ended. None: nothing new for ``poll_s``.

    ``read(seq)`` opens and closes its own transaction, so none is held while a slow reader reads.
    """
    with feed.listening(flow_id) as bell:
        while True:
            bell.clear()  # before the read: what is written meanwhile rings again
            events = await read(after)
            for event in events:
                after = event.seq
                yield event
            if feed.closed or (events and events[-1].ends_the_stream):
                return
            if not events and not await _rang(bell, poll_s):
                yield None


async def _rang(bell: asyncio.Event, timeout_s: float) -> bool:
    try:
        async with asyncio.timeout(timeout_s):
            await bell.wait()
    except TimeoutError:
        return False
    return True


async def watch(feed: Feed, last_seqs: Callable[[Collection[str]], Awaitable[Mapping[str, int]]]) -> None:
    """Rings for what other processes write, until it is cancelled: one query for all who read here."""
    known: Mapping[str, int] = {}
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        if not feed.followed:
            continue
        try:
            now = await last_seqs(feed.followed)
        except StoreUnavailable:
            continue  # who reads finds it out too, and says so
        for flow_id, seq in now.items():
            if known.get(flow_id) != seq:
                feed.ring(flow_id)
        known = now
