"""Processes that dispatch flows, in one: real stores, real queue, and a graph that does what a test says."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal

from cfx_flow.accounts.principal import Principal
from cfx_flow.clock import SystemClock
from cfx_flow.flows.decision import Decision
from cfx_flow.flows.dispatch import Dispatcher, InProcessDispatcher, QueueDispatcher
from cfx_flow.flows.feed import Feed
from cfx_flow.flows.model import Budget, Flow, FlowOptions, FlowStatus, Gate, Outcome, Waits
from cfx_flow.flows.run import FlowRun
from cfx_flow.flows.runner import Drain, Drained, FlowRunner
from cfx_flow.flows.store import FlowStore
from cfx_flow.flows.submit import Origin, new_flow
from cfx_flow.store.address import libpq_address, sqlite_file
from cfx_flow.store.engine import open_store
from cfx_flow.workers.queue import FlowQueue
from cfx_flow.workers.worker import FlowWorker
from cfx_flow.workspace.snapshot import from_files
from cfx_flow.workspace.store import SnapshotStore

APPROVED = Outcome(FlowStatus.APPROVED, None, "As the test says.")
LOOK_AT_THE_PLAN = Waits(Gate.PLAN, "As the test says.")
OPTIONS = FlowOptions(max_rounds=3, max_fixes=2, budget=Budget(Decimal(1), 1000, 60))


class Graph:
    """Each run of a flow goes on until the test gives it an end. One for all processes of a test."""

    def __init__(self) -> None:
        self.now: Counter[str] = Counter()
        """how many runs each flow has at this moment; more than one must never be"""
        self.runs: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        """of each user's flows, at the same time"""
        self._users: dict[str, str] = {}
        self._ends: dict[str, asyncio.Future[Outcome | Waits]] = {}

    def end(self, flow_id: str, with_: Outcome | Waits = APPROVED) -> None:
        self._end_of(flow_id).set_result(with_)

    @property
    def running(self) -> set[str]:
        return set(+self.now)

    async def run(self, run: FlowRun, drain: Drain) -> Outcome | Waits:
        flow = run.flow
        self.now[flow.id] += 1
        self.runs[flow.id] += 1
        assert self.now[flow.id] == 1, "run twice at the same time"
        self._users[flow.id] = flow.user_id
        of_user = sum(self.now[one] for one, user in self._users.items() if user == flow.user_id)
        self.most[flow.user_id] = max(self.most[flow.user_id], of_user)
        drained = asyncio.ensure_future(drain.requested.wait())
        try:
            end = self._end_of(flow.id)
            await asyncio.wait([end, drained], return_when=asyncio.FIRST_COMPLETED)
            if not end.done():
                raise Drained
            del self._ends[flow.id]
            return end.result()
        finally:
            drained.cancel()
            self.now[flow.id] -= 1

    def _end_of(self, flow_id: str) -> asyncio.Future[Outcome | Waits]:
        return self._ends.setdefault(flow_id, asyncio.get_running_loop().create_future())


@dataclass
class Office:
    """What one process has."""

    flows: FlowStore
    dispatcher: Dispatcher
    snapshots: SnapshotStore
    worker: FlowWorker | None = None

    async def queue(self, user: Principal) -> str:
        """As POST /v1/flows does."""
        snapshot = from_files({"a.txt": "a\n"})
        await self.snapshots.put(user.user_id, snapshot)
        origin = Origin(user, str(uuid.uuid4()), SystemClock().now())
        flow = await self.flows.create(new_flow("do it", snapshot.id, OPTIONS, origin))
        await self.dispatcher.wake(flow.id, user.user_id)
        return flow.id

    async def decide(self, user: Principal, flow_id: str) -> None:
        flow = await self.flows.get(user.user_id, flow_id)
        await self.flows.decide(flow, Decision(gate=Gate.PLAN, decision="approve"))
        await self.dispatcher.wake(flow_id, user.user_id)

    async def cancel(self, user: Principal, flow_id: str) -> None:
        await self.flows.cancel(user.user_id, flow_id)
        await self.dispatcher.cancel(flow_id)

    async def status(self, user: Principal, flow_id: str) -> FlowStatus:
        return (await self.get(user, flow_id)).status

    async def get(self, user: Principal, flow_id: str) -> Flow:
        return await self.flows.get(user.user_id, flow_id)


def person(name: str = "alice") -> Principal:
    return Principal(str(uuid.uuid4()), name, "user", str(uuid.uuid4()), 10)


@asynccontextmanager
async def office(
    url: str, graph: Graph, *, per_user: int = 2, at_once: int = 50, works: bool = True, drain_s: float = 5
) -> AsyncIterator[Office]:
    """Closed as a SIGTERM closes a process. ``works`` False, on Postgres: it only takes orders."""
    async with AsyncExitStack() as closing:
        store = await open_store(url)
        closing.push_async_callback(store.close)
        clock, snapshots = SystemClock(), SnapshotStore(store, SystemClock())
        if sqlite_file(url) is not None:
            flows = FlowStore(store, clock, Feed())
            runner = FlowRunner(flows, graph, clock)
            inside = InProcessDispatcher(flows, runner, per_user=per_user, in_all=at_once, drain_s=drain_s)
            closing.push_async_callback(inside.close)
            await inside.recover()
            yield Office(flows, inside, snapshots)
            return
        queue = FlowQueue(store, per_user)
        flows = FlowStore(store, clock, Feed(), queue.submit)
        runner = FlowRunner(flows, graph, clock)
        worker = (
            FlowWorker(libpq_address(url), queue, runner, at_once=at_once, drain_s=drain_s) if works else None
        )
        dispatcher = QueueDispatcher(queue, flows.feed, worker)
        closing.push_async_callback(dispatcher.close)
        await dispatcher.recover()
        if worker is not None:
            await worker.start()
        yield Office(flows, dispatcher, snapshots, worker)
