"""Finds flows that nobody works on, and flows that nobody should work on any more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import structlog

from cfx_flow.errors import StoreUnavailable
from cfx_flow.workers.queue import FlowQueue

LOOK_EVERY_S = 0.5
RELOCK_S = 3.0
"""after a restart of Postgres: as long as workers have for taking their locks again"""

log = structlog.stdlib.get_logger(__name__)


class Reaper:
    """procrastinate itself never retries the job of a dead worker."""

    def __init__(
        self, queue: FlowQueue, running: Callable[[], Sequence[str]], stop: Callable[[str], None]
    ) -> None:
        """``running``: ids of the flows that run in this process; ``stop`` stops one of them."""
        self._queue, self._running, self._stop = queue, running, stop
        self._suspects: frozenset[int] = frozenset()
        self._server = ""
        self._patient_until = 0.0

    async def work(self) -> None:
        while True:
            try:
                await self.look()
            except StoreUnavailable as error:
                log.warning("reaper_waits", reason=error.message)
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        for flow_id in await self._queue.cancelled_among(self._running()):
            self._stop(flow_id)
        seen = await self._queue.look()
        if seen.server != self._server:
            if self._server:
                self._patient_until = time.monotonic() + RELOCK_S
            self._server = seen.server
        # Between taking a job and taking the flow's lock there is a moment: who is seen twice is stalled.
        stalled, self._suspects = seen.stalled & self._suspects, seen.stalled
        if time.monotonic() < self._patient_until:
            return
        if mended := await self._queue.mend(sorted(stalled)):
            log.info("flows_taken_up", flows=mended, stalled=len(stalled))
