"""Which flow runs when. On one machine: asyncio tasks in the API's own process."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import structlog

from cfx_flow.flows.runner import Drain, FlowRunner
from cfx_flow.flows.store import FlowStore

log = structlog.stdlib.get_logger(__name__)

DRAIN_S = 5.0
"""how long a shutdown waits for running steps before it stops them in the middle"""


@dataclass(frozen=True, slots=True)
class Load:
    running: int
    waiting: int


class Dispatcher(Protocol):
    async def submit(self, flow_id: str, user_id: str) -> None:
        """The flow's row is written; it runs as soon as its turn comes."""
        ...

    async def cancel(self, flow_id: str) -> None:
        """The flow's row says cancelled; stop working on it."""
        ...

    async def recover(self) -> int:
        """Take up what an earlier process left unfinished; how many."""
        ...

    def load(self) -> Load:
        """What this process works on."""
        ...

    async def close(self) -> None:
        """Stop at resumable points; what runs stays ``in_progress`` for the next process."""
        ...


@dataclass(slots=True)
class _Lane:
    """One user's flows: a user with a hundred waits for its own, never others for it."""

    waiting: deque[str] = field(default_factory=deque)
    running: dict[str, asyncio.Task[None]] = field(default_factory=dict)


class InProcessDispatcher:
    def __init__(self, flows: FlowStore, runner: FlowRunner, *, running_per_user: int) -> None:
        self._flows, self._runner, self._cap = flows, runner, running_per_user
        self._lanes: dict[str, _Lane] = defaultdict(_Lane)
        self._drain = Drain()

    async def submit(self, flow_id: str, user_id: str) -> None:
        lane = self._lanes[user_id]
        if flow_id in lane.running or flow_id in lane.waiting:
            return
        lane.waiting.append(flow_id)
        self._fill(user_id)

    async def cancel(self, flow_id: str) -> None:
        """Returns when its task is gone, and with it the upstream request."""
        for lane in list(self._lanes.values()):
            if flow_id in lane.waiting:
                lane.waiting.remove(flow_id)
            if (task := lane.running.get(flow_id)) is not None:
                task.cancel()
                await asyncio.wait([task])
        await self._runner.forget(flow_id)

    async def recover(self) -> int:
        unfinished = await self._flows.unfinished()
        for flow_id, user_id in unfinished:
            await self.submit(flow_id, user_id)
        return len(unfinished)

    def load(self) -> Load:
        lanes = self._lanes.values()
        return Load(sum(len(lane.running) for lane in lanes), sum(len(lane.waiting) for lane in lanes))

    async def close(self) -> None:
        self._drain.requested.set()
        self._flows.feed.close()
        tasks = [task for lane in self._lanes.values() for task in lane.running.values()]
        for lane in self._lanes.values():
            lane.waiting.clear()
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=DRAIN_S)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)

    def _fill(self, user_id: str) -> None:
        lane = self._lanes[user_id]
        while lane.waiting and len(lane.running) < self._cap and not self._drain.requested.is_set():
            flow_id = lane.waiting.popleft()
            task = asyncio.create_task(self._runner.run(flow_id, self._drain), name=f"flow {flow_id}")
            lane.running[flow_id] = task
            task.add_done_callback(partial(self._done, user_id, flow_id))

    def _done(self, user_id: str, flow_id: str, task: asyncio.Task[None]) -> None:
        del self._lanes[user_id].running[flow_id]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("flow_task_died", flow_id=flow_id, exc_info=error)
        self._fill(user_id)
        if not self._lanes[user_id].running:
            del self._lanes[user_id]
