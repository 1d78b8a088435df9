"""The bell that tells readers in this process that a flow has new events, and their generator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

from cfx_flow.flows.model import Event

POLL_S = 1.0
"""events written by another process ring no bell here, unless somebody watches"""
LOOK_EVERY_S = 0.25


class Bells:
    """By name. ``ring`` is cheap and never waits."""

    def __init__(self) -> None:
        self._bells: dict[str, set[asyncio.Event]] = {}

    @property
    def names(self) -> Collection[str]:
        """For which somebody listens."""
        return tuple(self._bells)

    def ring(self, name: str) -> None:
        for bell in self._bells.get(name, ()):
            bell.set()

    def ring_all(self) -> None:
        for name in self._bells:
            self.ring(name)

    @contextmanager
    def listening(self, name: str) -> Iterator[asyncio.Event]:
        bell = asyncio.Event()
        self._bells.setdefault(name, set()).add(bell)
        try:
            yield bell
        finally:
            self._bells[name].discard(bell)
            if not self._bells[name]:
                del self._bells[name]


class Feed:
    """Who reads which flow, and who a whole list, which is a user's."""

    def __init__(self) -> None:
        self.flows, self.lists = Bells(), Bells()
        self.closed = False

    def close(self) -> None:
        """The process ends: every stream ends too, and its reader comes back with Last-Event-ID."""
        self.closed = True
        self.flows.ring_all()
        self.lists.ring_all()

    @property
    def idle(self) -> bool:
        """Nobody reads."""
        return not self.flows.names and not self.lists.names

    def ring(self, flow_id: str, user_id: str | None = None) -> None:
        """``user_id``: the owner's, where it begins, ends or waits; of the rest lists learn by looking."""
        self.flows.ring(flow_id)
        if user_id is not None:
            self.lists.ring(user_id)


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
    with feed.flows.listening(flow_id) as bell:
        while True:
            bell.clear()  # before the read: what is written meanwhile rings again
            events = await read(after)
            for event in events:
                after = event.seq
                yield event
            if feed.closed or (events and events[-1].ends_the_stream):
                return
            if not events and not await rang(bell, poll_s):
                yield None


async def rang(bell: asyncio.Event, timeout_s: float) -> bool:
    """False: not in time."""
    try:
        async with asyncio.timeout(timeout_s):
            await bell.wait()
    except TimeoutError:
        return False
    return True


class Watch:
    """Rings for what other processes write: one query for all who read here."""

    def __init__(
        self, feed: Feed, last_seqs: Callable[[Collection[str]], Awaitable[Mapping[str, int]]]
    ) -> None:
        self._feed, self._last_seqs = feed, last_seqs
        self._known: Mapping[str, int] = {}

    async def look(self) -> None:
        """Raises StoreUnavailable: who reads finds it out too."""
        if not self._feed.flows.names:
            return
        now = await self._last_seqs(self._feed.flows.names)
        for flow_id, seq in now.items():
            if self._known.get(flow_id) != seq:
                self._feed.ring(flow_id)
        self._known = now
