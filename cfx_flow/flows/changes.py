"""Changes of one user's flows, for whoever looks at a list of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cfx_flow.clock import Clock
from cfx_flow.flows.feed import rang
from cfx_flow.flows.model import Flow
from cfx_flow.flows.store import FlowStore

LOOK_EVERY_S = 1.0
CALM_S = 0.5
"""between two looks of one reader, however much happens"""
AT_MOST = 100
"""flows under watch, as many as a page of them holds: the newest ones. All are sent to who begins to read"""
OVERLAP = timedelta(minutes=1)
"""Each look reaches back: clocks of processes differ, and what was written before may be committed after."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Look:
    """``at``: everything that was committed before is known to who has seen ``flows``."""

    at: datetime
    flows: Sequence[Flow]

    @property
    def position(self) -> int:
        """Milliseconds since 1970; numbers of this size are whole in JavaScript."""
        return (self.at - _EPOCH) // _MS


class Changes:
    """What one reader has not seen yet; a flow may come twice, and always as it is now."""

    def __init__(self, flows: FlowStore, user_id: str, clock: Clock, position: int | None = None) -> None:
        """``position``: where an earlier reading ended; None, or one to come: now."""
        self._flows, self._user_id, self._clock = flows, user_id, clock
        now = clock.now()
        self._since = now if position is None else min(now, _EPOCH + position * _MS)
        self._known: dict[str, int] = {}

    async def look(self) -> Look:
        """The first time all flows that have not ended, and those that ended since."""
        at = self._clock.now()
        seqs = await self._flows.stirring(self._user_id, self._since - OVERLAP, AT_MOST)
        moved = [flow_id for flow_id, seq in seqs.items() if self._known.get(flow_id) != seq]
        flows = await self._flows.several(self._user_id, moved) if moved else ()
        self._since, self._known = at, dict(seqs)
        return Look(at, flows)

    async def follow(
        self, *, look_every_s: float = LOOK_EVERY_S, calm_s: float = CALM_S
    ) -> AsyncGenerator[Look | None, None]:
        """Live, until the process ends. None: nothing new for ``look_every_s``."""
        feed = self._flows.feed
        with feed.lists.listening(self._user_id) as bell:
            while True:
                bell.clear()
                if (look := await self.look()).flows:
                    yield look
                    await asyncio.sleep(calm_s)
                elif not feed.closed and not await rang(bell, look_every_s):
                    yield None
                if feed.closed:
                    return
