"""Finds flows that nobody works on, and flows that nobody should work on any more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from cfx_flow.errors import StoreUnavailable
from cfx_flow.workers.queue import FROZEN_S, FlowQueue

LOOK_EVERY_S = 0.5
LOOK_AGAIN_S = 0.1
"""once something seems stalled: longer than the moment between taking a job and taking its flow's lock"""
FROZEN_LOOKS = 20
RELOCK_S = 3.0
"""after a restart of Postgres: as long as workers have for taking their locks again"""

log = structlog.stdlib.get_logger(__name__)


@dataclass(slots=True)
class _Heard:
    """Of a worker's session."""

    at: str
    since: float
    looks: int = 0
    """that found it as it was: while we ourselves stand still, nobody else's silence counts"""


class Reaper:
    """procrastinate itself never retries the job of a dead worker."""

    def __init__(
        self,
        queue: FlowQueue,
        running: Callable[[], Sequence[str]],
        stop: Callable[[str], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """``running``: ids of the flows that run in this process; ``stop`` stops one of them."""
        self._queue, self._running, self._stop, self._now = queue, running, stop, now
        self._heard: dict[int, _Heard] = {}
        self._suspects: frozenset[int] = frozenset()
        self._server = ""
        self._patient_until = 0.0

    async def work(self) -> None:
        while True:
            try:
                await self.look()
            except StoreUnavailable as error:
                log.warning("reaper_waits", reason=error.message)
            await asyncio.sleep(LOOK_AGAIN_S if self._suspects else LOOK_EVERY_S)

    async def look(self) -> None:
        for flow_id in await self._queue.cancelled_among(self._running()):
            self._stop(flow_id)
        seen = await self._queue.look()
        if seen.server != self._server:
            if self._server:
                self._patient_until = self._now() + RELOCK_S
            self._server = seen.server
        # Between taking a job and taking the flow's lock there is a moment: who is seen twice is stalled.
        stalled = seen.stalled & self._suspects
        self._suspects = seen.stalled - stalled
        silent = self._silent(seen.spoke)
        if self._now() < self._patient_until:
            return
        if mended := await self._queue.mend(sorted(stalled), silent):
            log.info("flows_taken_up", flows=mended, stalled=len(stalled))

    def _silent(self, spoke: Mapping[int, str]) -> Mapping[int, str]:
        """Sessions that have said nothing for FROZEN_S, by our own clock: Postgres' may be set meanwhile."""
        now = self._now()
        self._heard = {
            pid: before if (before := self._heard.get(pid)) and before.at == at else _Heard(at, now)
            for pid, at in spoke.items()
        }
        for heard in self._heard.values():
            heard.looks += 1
        return {
            pid: heard.at
            for pid, heard in self._heard.items()
            if now - heard.since >= FROZEN_S and heard.looks >= FROZEN_LOOKS
        }
