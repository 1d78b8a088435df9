"""Which flow runs when and where. On SQLite: asyncio tasks in the API's own process. On Postgres:
whichever worker takes its job.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from functools import partial
from itertools import count, islice
from typing import TYPE_CHECKING, Protocol

import structlog

from cfx_flow.flows.feed import Feed
from cfx_flow.flows.runner import Drain, FlowRunner
from cfx_flow.flows.store import FlowStore
from cfx_flow.flows.turns import Waiting, next_flows
from cfx_flow.store.jobs import Steps
from cfx_flow.workers.queue import FlowQueue

if TYPE_CHECKING:
    from cfx_flow.workers.worker import FlowWorker

log = structlog.stdlib.get_logger(__name__)

CANCEL_S = 1.0
"""how long a cancel waits for the flow's task"""


class Dispatcher(Protocol):
    """What queues a flow says so twice: in its transaction, and when that is committed."""

    def submit(self, user_id: str) -> Steps[None]:
        """Within the transaction that queues one of the user's flows, or stops one."""
        ...

    async def wake(self, flow_id: str, user_id: str) -> None:
        """The flow's row says queued; it runs as soon as its turn comes."""
        ...

    async def cancel(self, flow_id: str) -> None:
        """The flow's row says cancelled; stop working on it."""
        ...

    async def recover(self) -> int:
        """Take up what an earlier process left unfinished; how many."""
        ...

    def running(self) -> int:
        """Flows that this process works on."""
        ...

    async def waiting(self) -> int:
        """Flows that wait for their turn, wherever they will run. Raises StoreUnavailable."""
        ...

    async def close(self) -> None:
        """Stop at resumable points; what runs stays ``in_progress`` for the next process. What has not
        stopped within the time that was set for it is stopped in the middle."""
        ...

    def hurry(self) -> None:
        """What has not stopped yet is stopped in the middle."""
        ...


@dataclass(slots=True)
class _Lane:
    """One user's flows."""

    waiting: dict[str, Waiting] = field(default_factory=dict)
    running: dict[str, asyncio.Task[None]] = field(default_factory=dict)


class InProcessDispatcher:
    """``per_user``: flows of one user that run at a time; ``in_all``: of everybody's."""

    def __init__(
        self, flows: FlowStore, runner: FlowRunner, *, per_user: int, in_all: int, drain_s: float
    ) -> None:
        self._flows, self._runner, self._drain_s = flows, runner, drain_s
        self._per_user, self._in_all = per_user, in_all
        self._lanes: dict[str, _Lane] = defaultdict(_Lane)
        self._arrivals = count()
        self._drain = Drain()

    def submit(self, user_id: str) -> Steps[None]:
        """Nothing: the rows themselves are the queue, from which the next process recovers."""
        yield from ()

    async def wake(self, flow_id: str, user_id: str) -> None:
        lane = self._lanes[user_id]
        if flow_id in lane.running or flow_id in lane.waiting:
            return
        lane.waiting[flow_id] = Waiting(flow_id, user_id, next(self._arrivals))
        self._fill()

    async def cancel(self, flow_id: str) -> None:
        """Returns when its task is gone, and with it the upstream request, or soon if it will not go: what
        writes an outcome to a slow database finds itself fenced."""
        for user_id, lane in list(self._lanes.items()):
            if lane.waiting.pop(flow_id, None) is not None:
                self._sweep(user_id)
            if (task := lane.running.get(flow_id)) is not None:
                task.cancel()
                await asyncio.wait([task], timeout=CANCEL_S)

    async def recover(self) -> int:
        unfinished = await self._flows.unfinished()
        for flow_id, user_id in unfinished:
            await self.wake(flow_id, user_id)
        return len(unfinished)

    def running(self) -> int:
        return sum(len(lane.running) for lane in self._lanes.values())

    async def waiting(self) -> int:
        return sum(len(lane.waiting) for lane in self._lanes.values())

    async def close(self) -> None:
        self._drain.requested.set()
        self._flows.feed.close()
        tasks = self._tasks()
        for lane in self._lanes.values():
            lane.waiting.clear()
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=self._drain_s)
        self.hurry()
        if late:
            await asyncio.wait(late)

    def hurry(self) -> None:
        for task in self._tasks():
            task.cancel()

    def _tasks(self) -> list[asyncio.Task[None]]:
        return [task for lane in self._lanes.values() for task in lane.running.values()]

    def _fill(self) -> None:
        if self._drain.requested.is_set():
            return
        running = {user_id: len(lane.running) for user_id, lane in self._lanes.items()}
        free = self._in_all - sum(running.values())
        # Further down a lane nothing can start: a thousand that wait cost no more than a few.
        heads = [
            flow for lane in self._lanes.values() for flow in islice(lane.waiting.values(), self._per_user)
        ]
        for flow in next_flows(heads, running, per_user=self._per_user, free=free):
            self._start(flow)

    def _start(self, flow: Waiting) -> None:
        lane = self._lanes[flow.user_id]
        del lane.waiting[flow.flow_id]
        run = self._runner.run(flow.flow_id, self._drain)
        task = lane.running[flow.flow_id] = asyncio.create_task(run, name=f"flow {flow.flow_id}")
        task.add_done_callback(partial(self._done, flow))

    def _done(self, flow: Waiting, task: asyncio.Task[None]) -> None:
        del self._lanes[flow.user_id].running[flow.flow_id]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("flow_task_died", flow_id=flow.flow_id, exc_info=error)
        self._sweep(flow.user_id)
        self._fill()

    def _sweep(self, user_id: str) -> None:
        lane = self._lanes[user_id]
        if not (lane.running or lane.waiting):
            del self._lanes[user_id]


class QueueDispatcher:
    """The flows of a Postgres, seen from any of its processes. ``worker``: this one runs flows too."""

    def __init__(self, queue: FlowQueue, feed: Feed, worker: FlowWorker | None) -> None:
        self._queue, self._feed, self._worker = queue, feed, worker

    def submit(self, user_id: str) -> Steps[None]:
        return self._queue.submit(user_id)

    async def wake(self, flow_id: str, user_id: str) -> None:
        """Nothing: the job was committed with the row, and Postgres tells the workers."""

    async def cancel(self, flow_id: str) -> None:
        """Whoever runs it finds its row cancelled, within a second."""
        if self._worker is not None:
            self._worker.stop(flow_id)

    async def recover(self) -> int:
        """What has lost its job, or was queued before there were jobs; what runs elsewhere is left alone."""
        return await self._queue.recover()

    def running(self) -> int:
        return 0 if self._worker is None else self._worker.running()

    async def waiting(self) -> int:
        return await self._queue.waiting()

    async def close(self) -> None:
        self._feed.close()
        if self._worker is not None:
            await self._worker.close()

    def hurry(self) -> None:
        if self._worker is not None:
            self._worker.hurry()
